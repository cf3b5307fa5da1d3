"""All that staff may open, sorted by what they want, not by where the code is."""

from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Where the name of a model is not what staff call its list.
NAMES = {
    "admin.LogEntry": _("Audit log"),
    "conversations.KnowledgeText": _("Knowledge"),
}


@dataclass(frozen=True)
class Link:
    label: str | Promise
    url: str


@dataclass
class Section:
    title: str | Promise
    models: tuple[str, ...] = ()
    links: list[Link] = field(default_factory=list)


def _sections() -> list[Section]:
    return [
        Section(
            _("Chats"),
            (
                "conversations.Conversation",
                "conversations.Message",
                "conversations.Contact",
            ),
        ),
        Section(_("Judging"), ("llm.Decision", "llm.Label", "llm.Replay")),
        Section(
            _("WhatsApp"),
            (
                "evolution.Instance",
                "evolution.MissedSearch",
                "evolution.Silence",
                "evolution.UnreadableEvent",
                "evolution.RefusedWebhook",
            ),
        ),
        Section(
            _("The agent"),
            (
                "conversations.KnowledgeText",
                "conversations.AgentSettings",
                "conversations.SettingsChange",
            ),
        ),
        Section(
            _("Machinery"),
            (
                "conversations.Worker",
                "django_q.OrmQ",
                "django_q.Failure",
                "django_q.Success",
            ),
        ),
        Section(_("Staff"), ("auth.User", "auth.Group", "admin.LogEntry")),
    ]


def sections(context: dict) -> list[Section]:
    """From each page's context, which holds what this person may open."""
    found = _sections()
    places = {label: section for section in found for label in section.models}
    # What nobody has sorted in yet must be found as well.
    places[""] = Section(_("Others"))
    lists = {
        label: Link(NAMES.get(label, model["name"]), model["admin_url"])
        for app in context["available_apps"]
        for model in app["models"]
        for label in [model["model"]._meta.label]
        if model["admin_url"]
    }
    order = [label for label in places if label in lists]
    for label in order + sorted(lists.keys() - places.keys()):
        places.get(label, places[""]).links.append(lists[label])
    _add_pages(found, context)
    return [section for section in [*found, places[""]] if section.links]


def _add_pages(found: list[Section], context: dict) -> None:
    """The pages of the menu that are no lists: a phone shows only its first entries."""
    known = {link.url for section in found for link in section.links}
    pages = [
        Link(entry.label, entry.url)
        for entry, _is_current in context["navigation"]
        if entry.url not in known and entry.view not in ("index", "more")
    ]
    pages.append(Link(_("API"), reverse("api:openapi-view")))
    found.insert(0, Section(_("Pages"), links=pages))
