"""The main menu: what staff open many times a day. All else is under More."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Entry:
    view: str  # the name of its address in the admin
    label: Promise
    icon: str  # the path of an SVG of 24 by 24
    permission: str = ""
    section: str = ""  # also current on addresses whose names begin so

    @property
    def url(self) -> str:
        return reverse(f"admin:{self.view}")

    def is_current(self, view: str) -> bool:
        return view == self.view or bool(self.section and view.startswith(self.section))


ENTRIES = [
    Entry(
        "index", _("Home"), "M3 11l9-8 9 8v9a1 1 0 0 1-1 1h-5v-6h-6v6H4a1 1 0 0 1-1-1z"
    ),
    Entry(
        "conversations_conversation_changelist",
        _("Conversations"),
        "M4 4h16v12H9l-5 4z",
        "conversations.view_conversation",
        "conversations_conversation_",
    ),
    Entry(
        "lab",
        _("Threshold lab"),
        "M4 20V10h4v10zM10 20V4h4v16zM16 20v-7h4v7z",
        "llm.view_decision",
        "lab_",
    ),
    Entry(
        "llm_decision_changelist",
        _("Decisions"),
        "M9 6h11M9 12h11M9 18h11M4 6h1M4 12h1M4 18h1",
        "llm.view_decision",
        "llm_decision_",
    ),
    Entry(
        "conversations_knowledgetext_changelist",
        _("Knowledge"),
        "M5 4h11l3 3v13H5zM8 9h8M8 13h8M8 17h5",
        "conversations.view_knowledgetext",
        "conversations_knowledgetext_",
    ),
    Entry(
        "evolution_instance_changelist",
        _("Link WhatsApp"),
        "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h2v2h-2zM18 14h2v6h-6v-2h4z",
        "evolution.view_instance",
        "evolution_instance_",
    ),
    Entry(
        "conversations_agentsettings_changelist",
        _("Settings"),
        "M4 7h10M18 7h2M4 17h2M10 17h10M16 4v6M8 14v6",
        "conversations.view_agentsettings",
        "conversations_agentsettings_",
    ),
]
PHONE = Entry(
    "sandbox_phone",
    _("Sandbox phone"),
    "M7 3h10a1 1 0 0 1 1 1v16a1 1 0 0 1-1 1H7a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1zM11 18h2",
    "evolution.change_instance",
    "sandbox_",
)
MORE = Entry(
    "more",
    _("More"),
    "M4 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0M11 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0M18 12a1 1 0 1 0 2 0 1 1 0 1 0-2 0",
)


def navigation(request: HttpRequest) -> list[tuple[Entry, bool]]:
    """Each entry that this person may open, and whether it is the current one."""
    view = request.resolver_match.url_name if request.resolver_match else ""
    entries = [*ENTRIES, *([PHONE] if settings.SANDBOX else []), MORE]
    return [
        (entry, entry.is_current(view or ""))
        for entry in entries
        if not entry.permission or request.user.has_perm(entry.permission)
    ]
