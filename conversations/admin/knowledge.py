"""Knowledge: what the operator wrote down for the agent, its versions, and what is found."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Field
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from conversations.admin.knowledge_form import KnowledgeForm, TryForm, instances
from conversations.admin.knowledge_versions import changes
from conversations.knowledge import search, texts
from conversations.knowledge.cutting import LENGTH, passages
from conversations.models import AgentSettings, KnowledgeText, KnowledgeVersion

NAME = "conversations_knowledgetext"
TEMPLATES = "admin/conversations/knowledgetext"


@admin.register(KnowledgeText)
class KnowledgeTextAdmin(admin.ModelAdmin):
    form = KnowledgeForm
    list_display = ("name", "where", "use", "is_on", "changed_at")
    list_filter = ("use", "is_on", "reach")
    list_select_related = ("conversation__contact",)
    search_fields = ("title",)
    ordering = ("title_key", "reach", "pk")
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    # The button under the list would take the versions along without a word.
    actions = None

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("try/", view(self.try_view), name=f"{NAME}_try"),
            path("preview/", view(self.preview), name=f"{NAME}_preview"),
            path("<int:pk>/versions/", view(self.versions), name=f"{NAME}_versions"),
            path("versions/<int:version>/", view(self.version), name=f"{NAME}_version"),
            path(
                "versions/<int:version>/restore/",
                view(self.restore),
                name=f"{NAME}_restore",
            ),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        context = {"title": _("Knowledge")} | (extra_context or {})
        return super().changelist_view(request, context)

    @admin.display(description=gettext_lazy("title"), ordering="title_key")
    def name(self, text: KnowledgeText) -> str:
        return format_html("<bdi>{}</bdi>", text.title)

    @admin.display(description=gettext_lazy("where"))
    def where(self, text: KnowledgeText) -> str:
        return format_html("<bdi>{}</bdi>", where(text))

    # Its page

    def formfield_for_dbfield(
        self, db_field: Field, request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Without buttons to add or change a conversation from here."""
        return db_field.formfield(**kwargs)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict:
        return {"conversation": request.GET.get("conversation", "")}

    def render_change_form(
        self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        form = context["adminform"].form
        text = context["original"]
        last = texts.current(text) if text else None
        may_write = text is None or self.has_change_permission(request, text)
        context |= {
            "title": text.title if text else _("New text"),
            "subtitle": None,
            "form": form,
            "last": last,
            "where": where(text) if text else "",
            "instances": instances(),
            "preview": preview(form["body"].value() or ""),
            "may_write": may_write,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: KnowledgeText, form: Any, change: bool
    ) -> None:
        texts.save(obj, form.cleaned_data["body"], request.user)

    @method_decorator(require_POST)
    def preview(self, request: HttpRequest) -> HttpResponse:
        """In how many passages it would be cut. Stores nothing."""
        if not self.has_add_permission(request) and not self.has_change_permission(
            request
        ):
            raise PermissionDenied
        body = request.POST.get("body", "").replace("\r\n", "\n")[: texts.LONGEST]
        context = {"preview": preview(body)}
        return TemplateResponse(request, f"{TEMPLATES}/_preview.html", context)

    # Its versions

    @method_decorator(require_safe)
    def versions(self, request: HttpRequest, pk: int) -> HttpResponse:
        text = self._text(request, pk)
        context = {
            "title": _("Versions of “%s”") % text.title,
            "text": text,
            "changes": changes(text),
            "may_change": self.has_change_permission(request, text),
        }
        return self._page(request, "versions", context)

    @method_decorator(require_safe)
    def version(self, request: HttpRequest, version: int) -> HttpResponse:
        found = _version(version)
        self._text(request, found.text_id)
        last = texts.current(found.text)
        context = {
            "title": _("“%(title)s”, version %(number)d")
            % {"title": found.title, "number": found.number},
            "version": found,
            "passages": found.passages.order_by("number"),
            "is_last": found == last,
            "may_change": self.has_change_permission(request, found.text),
        }
        return self._page(request, "version", context)

    @method_decorator(require_POST)
    def restore(self, request: HttpRequest, version: int) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        found = _version(version)
        try:
            with transaction.atomic():
                new = texts.restore(found, request.user)
        except ValidationError as error:
            self.message_user(request, " ".join(error.messages), messages.ERROR)
        else:
            self._tell(request, found, new)
        return HttpResponseRedirect(
            reverse(f"admin:{NAME}_versions", args=[found.text_id])
        )

    def _tell(
        self,
        request: HttpRequest,
        version: KnowledgeVersion,
        new: KnowledgeVersion | None,
    ) -> None:
        if new is None:
            return self.message_user(request, _("It says that already."))
        what = _("Version %(old)d restored as %(new)d.") % {
            "old": version.number,
            "new": new.number,
        }
        self.log_change(request, version.text, what)
        return self.message_user(request, what)

    # What would be found

    @method_decorator(require_safe)
    def try_view(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = TryForm(
            request.GET if "question" in request.GET else None, label_suffix=""
        )
        context = {"title": _("Try a question"), "form": form, "instances": instances()}
        if form.is_valid():
            context |= _tried(**form.cleaned_data)
        return self._page(request, "try", context)

    def _text(self, request: HttpRequest, pk: int) -> KnowledgeText:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(KnowledgeText, pk=pk)

    def _page(self, request: HttpRequest, name: str, context: dict) -> HttpResponse:
        context = self.admin_site.each_context(request) | {"opts": self.opts} | context
        return TemplateResponse(request, f"{TEMPLATES}/{name}.html", context)


def _version(pk: int) -> KnowledgeVersion:
    rows = KnowledgeVersion.objects.select_related("text__conversation", "staff")
    return get_object_or_404(rows, pk=pk)


def where(text: KnowledgeText) -> str:
    if text.conversation_id:
        return _("in “%s”") % text.conversation
    return _("in %s") % text.instance if text.instance else _("everywhere")


def preview(body: str) -> dict:
    parts = passages(body.strip())
    return {
        "characters": len(body),
        "passages": len(parts),
        "longest": max((len(part.text) for part in parts), default=0),
        "limit": LENGTH,
        "is_short": len(body) <= texts.LONGEST_ALWAYS,
        "most": texts.LONGEST_ALWAYS,
    }


def _tried(question: str, before: str, instance: str, conversation: Any) -> dict:
    place = search.Place(
        conversation.instance if conversation else instance,
        conversation.pk if conversation else 0,
    )
    agent = AgentSettings.of(place.instance)
    found = search.find(question, [before] if before else [], place)
    given = search.within(found, agent.knowledge_passages, agent.knowledge_characters)
    others = [one for one in found if one not in given]
    return {"found": True, "given": given, "others": others[:5]}
