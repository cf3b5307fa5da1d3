"""Conversations: their list, the page of each, and its settings."""

from django.contrib import admin

from conversations.admin.conversation_list import ConversationList
from conversations.admin.conversation_page import ConversationPage
from conversations.admin.forms import ConversationForm
from conversations.admin.kept import KeptAdmin
from conversations.admin.labelling import LabelQueue
from conversations.models import Conversation


@admin.register(Conversation)
class ConversationAdmin(ConversationList, ConversationPage, LabelQueue, KeptAdmin):
    form = ConversationForm
    fieldsets = (
        (
            "Settings of this conversation",
            {"fields": ("name", "mode", "access", "threshold", "instructions")},
        ),
        (
            "Address",
            {"fields": ("instance", "jid", "contact", "is_group", "created_at")},
        ),
    )
    readonly_fields = ("instance", "jid", "contact", "is_group", "created_at")

    class Media:
        css = {"all": ["admin/agent.css"]}
