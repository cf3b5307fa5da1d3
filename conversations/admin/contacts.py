from django.contrib import admin
from django.utils.html import format_html

from conversations.admin.kept import KeptAdmin
from conversations.models import Contact


@admin.register(Contact)
class ContactAdmin(KeptAdmin):
    list_display = ("title", "phone_number", "lid", "access")
    list_filter = ("access",)
    search_fields = ("name", "phone_jid", "lid")
    ordering = ("-pk",)
    fields = ("name", "access", "phone_jid", "lid")
    readonly_fields = ("phone_jid", "lid")

    @admin.display(description="name", ordering="name")
    def title(self, contact: Contact) -> str:
        return format_html("<bdi>{}</bdi>", contact)
