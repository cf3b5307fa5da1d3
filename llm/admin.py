from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _, gettext_lazy

from llm.admin_decisions import PROMPTS, Story, export
from llm.admin_filters import ConversationFilter, DecisionList
from llm.admin_records import RecentValuesFilter, RecordAdmin, SinceFilter
from llm.models import Decision, Label


@admin.register(Decision)
class DecisionAdmin(RecordAdmin):
    list_display = ("created_at",)  # the template draws the columns
    list_filter = (
        ConversationFilter,
        "outcome",
        "step",
        "source",
        ("model", RecentValuesFilter),
        ("provider", RecentValuesFilter),
        ("prompt_version", RecentValuesFilter),
        SinceFilter,
    )
    indexed = ("since", ConversationFilter.parameter_name)
    newest = 20_000  # their rows are long
    list_per_page = 30
    actions = ("export_chosen", "export_chosen_with_prompts")

    @property
    def media(self) -> forms.Media:
        return forms.Media(js=["admin/js/actions.js"])

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = path("export/", view(self.export_found), name="llm_decision_export")
        return [own, *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs) -> type[DecisionList]:
        return DecisionList

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        # Whoever may ask what a prompt begins with can read it.
        if lookup.partition("__")[0] in PROMPTS:
            return False
        return super().lookup_allowed(lookup, value, request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        context = {
            "title": _("Decisions"),
            "query": request.GET.urlencode(),
            "may_see_prompts": self.has_prompt_permission(request),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict | None = None,
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        decision = self.get_object(request, object_id)
        if not self.has_view_permission(request, decision):
            raise PermissionDenied
        if decision is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        context = self.admin_site.each_context(request) | {
            "title": _("Decision"),
            "opts": self.opts,
            "original": decision,
            "story": Story(decision),
            "may_see_prompts": self.has_prompt_permission(request),
        }
        return TemplateResponse(request, "admin/llm/decision/change_form.html", context)

    def has_prompt_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("llm.view_prompt")

    @admin.action(description=gettext_lazy("Export as CSV"), permissions=["view"])
    def export_chosen(
        self, request: HttpRequest, queryset: QuerySet[Decision]
    ) -> HttpResponse:
        return export(queryset)

    @admin.action(
        description=gettext_lazy("Export as CSV, with prompts and answers"),
        permissions=["prompt"],
    )
    def export_chosen_with_prompts(
        self, request: HttpRequest, queryset: QuerySet[Decision]
    ) -> HttpResponse:
        return export(queryset, with_prompts=True)

    def export_found(self, request: HttpRequest) -> HttpResponse:
        """All that the filters of the list's address leave, however many pages."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET"})
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.GET = request.GET.copy()
        with_prompts = bool(request.GET.pop("prompts", None))
        form = "jsonl" if request.GET.pop("format", [""])[-1] == "jsonl" else "csv"
        if with_prompts and not self.has_prompt_permission(request):
            raise PermissionDenied
        try:
            found = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse("admin:llm_decision_changelist"))
        return export(found.queryset, with_prompts, form)


@admin.register(Label)
class LabelAdmin(RecordAdmin):
    list_display = ("created_at", "verdict", "origin", "rater", "about", "inclusion")
    list_filter = ("verdict", "origin", SinceFilter)
    list_select_related = ("decision", "rater")
    fields = ("about", "verdict", "origin", "rater", "inclusion", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Label]:
        return (
            super().get_queryset(request).defer("decision__input", "decision__output")
        )

    @admin.display(description=gettext_lazy("decision"))
    def about(self, label: Label) -> str:
        url = reverse("admin:llm_decision_change", args=[label.decision_id])
        return format_html('<a href="{}">{}</a>', url, label.decision)
