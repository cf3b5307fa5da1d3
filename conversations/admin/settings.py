from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from conversations import settings_history as history
from conversations.admin import instance_page, settings_page, settings_sections
from conversations.admin.forms import AgentSettingsForm
from conversations.models import AgentSettings


@admin.register(AgentSettings)
class AgentSettingsAdmin(admin.ModelAdmin):
    form = AgentSettingsForm
    fields = settings_sections.NAMES

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        row = AgentSettings.load()
        return HttpResponseRedirect(
            reverse("admin:conversations_agentsettings_change", args=[row.pk])
        )

    def changeform_view(self, request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if name := request.GET.get("instance"):
            return instance_page.respond(self, request, name)
        if request.method != "POST":
            return super().changeform_view(request, *args, **kwargs)
        with transaction.atomic():
            history.lock()
            return super().changeform_view(request, *args, **kwargs)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> AgentSettings | None:
        # Before the row: a change in between is one that the page does not know.
        request.last_change = history.latest()
        return super().get_object(request, object_id, from_field)

    def render_change_form(
        self, request: HttpRequest, context: dict, *args, **kwargs
    ) -> HttpResponse:
        form, row = context["adminform"].form, context["original"]
        context |= settings_page.context(request, context["adminform"], row)
        context["tabs"] = instance_page.tabs(row)
        context["page_url"] = request.path
        context["seen"] = form.seen if form.is_bound else request.last_change
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: AgentSettings, form: ModelForm, change: bool
    ) -> None:
        if form.changed:
            history.save(obj, form.changed, request.user)
        for missing in instance_page.lacking(obj):
            self.message_user(
                request, _("It cannot be asked yet: %s") % missing, messages.WARNING
            )

    def response_change(self, request: HttpRequest, obj: AgentSettings) -> HttpResponse:
        self.message_user(request, _("The settings are saved."), messages.SUCCESS)
        return HttpResponseRedirect(request.path)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False
