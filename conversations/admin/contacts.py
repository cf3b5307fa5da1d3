from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

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

    @admin.display(description=_("name"))
    def title(self, contact: Contact) -> str:
        return format_html("<bdi>{}</bdi>", contact)

    @admin.display(description=_("phone number"), empty_value="-")
    def number(self, contact: Contact) -> str:
        number = contact.phone_number
        return format_html('<bdi dir="ltr">{}</bdi>', number) if number else ""
