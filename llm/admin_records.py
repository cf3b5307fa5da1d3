"""How the admin shows what was recorded: not to be changed, and fast over millions."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Max, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.functional import cached_property
from django.utils.translation import gettext as _, gettext_lazy

# Parameters of a list that filter nothing, or by words, which have an index of their own.
PLAIN = {"q", "p", "o", "e", "all"}


class BoundedPaginator(Paginator):
    """Counts no further than anybody leafs: COUNT(*) reads the whole table."""

    most = 10_000

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[: self.most].count()


class RecordAdmin(admin.ModelAdmin):
    """Read-only. No column sorts but the key: the others have no index for it."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    ordering = ("-pk",)
    # Filters that an index answers. The others would read a whole table to find little.
    indexed = ("since",)
    newest = 30_000

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        if not self._is_scan(request):
            return rows
        last = self.model._default_manager.aggregate(pk=Max("pk"))["pk"] or 0
        return rows.filter(pk__gt=last - self.newest)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        told = {}
        if self._is_scan(request):
            told["subtitle"] = _("Filtered among the newest %s") % number_format(
                self.newest
            )
        return super().changelist_view(request, told | (extra_context or {}))

    def _is_scan(self, request: HttpRequest) -> bool:
        match = request.resolver_match
        is_list = match is not None and match.url_name.endswith("_changelist")
        return is_list and bool(request.GET.keys() - PLAIN - {*self.indexed})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False


class SinceFilter(admin.SimpleListFilter):
    """By range: what compares years and months reads every row on SQLite."""

    title = gettext_lazy("time")
    parameter_name = "since"
    field = "created_at"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("today", _("Today")),
            ("day", _("24 hours")),
            ("week", _("7 days")),
            ("month", _("30 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        since = self.since()
        return queryset if since is None else self.filter(queryset, since)

    def filter(self, queryset: QuerySet, since: datetime) -> QuerySet:
        return queryset.filter(**{f"{self.field}__gte": since})

    def since(self) -> datetime | None:
        if self.value() == "today":
            return timezone.localtime().replace(hour=0, minute=0, second=0)
        days = {"day": 1, "week": 7, "month": 30}.get(self.value())
        return timezone.now() - timedelta(days=days) if days else None


class RecentValuesFilter(admin.AllValuesFieldListFilter):
    """Offers what the last rows hold: DISTINCT reads the whole table."""

    last = 2_000

    def __init__(self, field, request, params, model, model_admin, field_path) -> None:
        super().__init__(field, request, params, model, model_admin, field_path)
        recent = model._default_manager.order_by("-pk").values_list(
            field_path, flat=True
        )
        self.lookup_choices = sorted(set(recent[: self.last]) - {""})
