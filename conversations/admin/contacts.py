from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy as _

from conversations import forgetting
from conversations.admin.kept import KeptAdmin
from conversations.models import Contact


@admin.register(Contact)
class ContactAdmin(KeptAdmin):
    list_display = ("title", "number", "lid", "access", "may_command")
    list_filter = ("access", "may_command")
    search_fields = ("name", "phone_jid", "lid")
    ordering = ("-pk",)
    sortable_by = ()  # the key is the only index that they could use
    fields = ("name", "access", "may_command", "phone_jid", "lid")
    readonly_fields = ("phone_jid", "lid")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Contact | None = None
    ) -> tuple[str, ...]:
        """A commander can switch the agent off: so only who may do that names one."""
        if request.user.has_perm("conversations.change_agentsettings"):
            return self.readonly_fields
        return (*self.readonly_fields, "may_command")

    def get_urls(self) -> list[URLPattern]:
        forget = path(
            "<int:pk>/forget/",
            self.admin_site.admin_view(self.forget_view),
            name="conversations_contact_forget",
        )
        return [forget, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict | None = None,
    ) -> HttpResponse:
        contact = self.get_object(request, object_id)
        context = {
            "wish": contact and contact.forgettings.order_by("pk").last(),
            "may_forget": _may_forget(request),
        }
        return super().change_view(request, object_id, form_url, context)

    def forget_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask first, then have everything deleted that this person said."""
        if not _may_forget(request):
            raise PermissionDenied
        contact = get_object_or_404(Contact, pk=pk)
        back = reverse("admin:conversations_contact_change", args=[pk])
        if request.method == "POST":
            forgetting.ask(contact, request.user)
            self.log_change(request, contact, "Forget")
            self.message_user(request, gettext("What they said is being deleted."))
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Forget this person?"),
            "opts": self.opts,
            "original": contact,
            "count": contact.messages.count(),
        }
        return TemplateResponse(
            request, "admin/conversations/contact/forget.html", context
        )

    @admin.display(description=_("name"))
    def title(self, contact: Contact) -> str:
        return format_html("<bdi>{}</bdi>", contact)

    @admin.display(description=_("phone number"), empty_value="-")
    def number(self, contact: Contact) -> str:
        number = contact.phone_number
        return format_html('<bdi dir="ltr">{}</bdi>', number) if number else ""


def _may_forget(request: HttpRequest) -> bool:
    """Nothing brings it back: so only who may change everything else."""
    return request.user.has_perm("conversations.change_agentsettings")
