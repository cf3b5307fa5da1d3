"""Which decisions the list shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from llm.admin_decisions import Row, listed
from llm.models import Decision

# A longer number is no key, and no database takes it for one.
LONGEST_KEY = 18


@dataclass(frozen=True)
class Filter:
    title: str
    everything: dict  # the choice that filters nothing
    choices: list[dict]
    is_set_elsewhere: bool = False

    @property
    def chosen(self) -> dict | None:
        return next((one for one in self.choices if one["selected"]), None)


class ConversationFilter(admin.SimpleListFilter):
    """Set by a link from a conversation; the list of all would be endless."""

    title = _("conversation")
    parameter_name = "conversation__id__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if not self.value():
            return []
        conversations = Decision._meta.get_field("conversation").related_model.objects
        named = conversations.select_related("contact").filter(pk=self.pk).first()
        return [(self.value(), str(named or _("unknown")))]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(conversation=self.pk) if self.value() else queryset

    @property
    def pk(self) -> int:
        value = self.value()
        return int(value) if value.isdecimal() and len(value) <= LONGEST_KEY else 0


class DecisionList(ChangeList):
    def get_queryset(self, request: HttpRequest, *args, **kwargs) -> QuerySet:
        return listed(super().get_queryset(request, *args, **kwargs))

    @property
    def rows(self) -> list[Row]:
        return [Row(decision) for decision in self.result_list]

    @property
    def filters(self) -> Iterator[Filter]:
        for spec in self.filter_specs:
            everything, *choices = spec.choices(self)
            yield Filter(
                spec.title, everything, choices, isinstance(spec, ConversationFilter)
            )
