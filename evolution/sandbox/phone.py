"""The phone page: be one of the sandbox's people, and chat with the agent.

It talks to the bridge's process over HTTP, like everything else here, but by routes
of its own under /sandbox/.
"""

import base64
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import quote, urlencode

import requests
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations.models import AgentSettings
from evolution.sandbox.files import LARGEST
from evolution.sandbox.screen import OWNER, Screen

View = Callable[[HttpRequest], HttpResponse]


class BridgeProblem(Exception):
    """The sandbox did not do it. `is_down`: it is not running at all."""

    def __init__(self, message: str, *, is_down: bool = False) -> None:
        super().__init__(message)
        self.is_down = is_down


def urls(admin_site: AdminSite) -> list[URLPattern]:
    views: dict[str, tuple[str, View]] = {
        "sandbox_phone": ("", show_page),
        "sandbox_phone_chat": ("chat", show_chat),
        "sandbox_send": ("send", send),
        "sandbox_react": ("react", react),
        "sandbox_delete": ("delete", delete),
        "sandbox_scan": ("scan", scan),
        "sandbox_unlink": ("unlink", unlink),
        "sandbox_silence": ("silence", silence),
        "sandbox_add_person": ("people", add_person),
        "sandbox_add_group": ("groups", add_group),
    }
    return [
        path(
            f"sandbox/{route}",
            admin_site.admin_view(_guarded(view, admin_site)),
            name=name,
        )
        for name, (route, view) in views.items()
    ]


def _guarded(view: View, admin_site: AdminSite) -> View:
    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        if not settings.SANDBOX:
            raise Http404("The sandbox is off: a real bridge is configured.")
        if not request.user.has_perm("evolution.change_instance"):
            raise PermissionDenied
        request.admin_site = admin_site
        return view(request)

    return guarded


def ask(method: str, route: str, body: dict | None = None) -> Any:
    """Call the bridge's process, or raise BridgeProblem with a sentence for staff."""
    try:
        answer = requests.request(
            method,
            f"{settings.EVOLUTION_URL}/sandbox/{route}",
            json=body,
            headers={"apikey": settings.EVOLUTION_API_KEY},
            timeout=5,
        )
        said = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise BridgeProblem(
            _("Nothing answers at %s.") % settings.EVOLUTION_URL, is_down=True
        ) from error
    if not answer.ok:
        message = said.get("response", {}).get("message", _("It failed."))
        raise BridgeProblem(message if isinstance(message, str) else str(message[0]))
    return said


def _instance_route(name: str, action: str) -> str:
    return f"instances/{quote(name, safe='')}/{action}"


def _screen(request: HttpRequest) -> Screen:
    asked = request.POST if request.method == "POST" else request.GET
    chosen = {key: asked.get(key, "") for key in ("instance", "me", "chat")}
    return Screen(ask("GET", "overview"), **chosen)


def _chat(screen: Screen, cursor: str = "") -> dict:
    query = urlencode({"chat": screen.chat, "cursor": cursor})
    return ask("GET", _instance_route(screen.instance["name"], f"chat?{query}"))


@require_GET
def show_page(request: HttpRequest) -> HttpResponse:
    context = {**request.admin_site.each_context(request), "title": _("Sandbox phone")}
    try:
        screen = _screen(request)
        if screen.instance and screen.chat:
            context |= _chat_context(request, screen, _chat(screen))
            context |= screen.answering(context["bubbles"], request.GET)
        context["screen"] = screen
    except BridgeProblem as problem:
        context["problem"] = problem
    return render(request, "admin/sandbox/phone.html", context)


@require_GET
def show_chat(request: HttpRequest) -> HttpResponse:
    """The parts that change, or 204 when the page has them already."""
    try:
        screen = _screen(request)
        chat = _chat(screen, request.GET.get("cursor", ""))
    except BridgeProblem as problem:
        return HttpResponse(str(problem), status=503, content_type="text/plain")
    if "messages" not in chat:
        return HttpResponse(status=204)
    context = _chat_context(request, screen, chat) | {"screen": screen}
    response = render(request, "admin/sandbox/_live.html", context)
    response["X-Cursor"] = chat["cursor"]
    return response


def _chat_context(request: HttpRequest, screen: Screen, chat: dict) -> dict:
    agent = AgentSettings.of(screen.instance.name).bot_name
    return {
        "chat": chat,
        "agent": agent,
        "bubbles": screen.bubbles(chat["messages"], agent),
        "conversation_url": _conversation_url(request, screen),
    }


def _conversation_url(request: HttpRequest, screen: Screen) -> str:
    """Where staff read what the agent made of this chat, once it knows of it."""
    if not request.user.has_perm("conversations.view_conversation"):
        return ""
    conversation = screen.conversation()
    if conversation is None:
        return ""
    return reverse("admin:conversations_conversation_change", args=[conversation.pk])


def _changing(act: Callable[[HttpRequest, Screen], str | None]) -> View:
    """A POST that does something at the bridge and leads back to the page.

    `act` returns the query of the page to show, where that is another one.
    """

    @require_POST
    @wraps(act)
    def view(request: HttpRequest) -> HttpResponse:
        is_fetched = request.headers.get("X-Requested-With") == "fetch"
        query = ""
        try:
            screen = _screen(request)
            query = screen.query
            query = act(request, screen) or query
        except BridgeProblem as problem:
            if is_fetched:
                return HttpResponse(str(problem), status=400, content_type="text/plain")
            messages.error(request, str(problem))
        if is_fetched:
            return HttpResponse(status=204)
        return HttpResponseRedirect(f"{reverse('admin:sandbox_phone')}?{query}")

    return view


def _tell(screen: Screen, action: str, **body: Any) -> None:
    if screen.instance is None:
        raise BridgeProblem(_("There is no instance yet."))
    ask("POST", _instance_route(screen.instance["name"], action), body)


@_changing
def send(request: HttpRequest, screen: Screen) -> None:
    text = request.POST.get("text", "").strip().replace("\r\n", "\n")
    kind = request.POST.get("kind", "text")
    file = _file(request.FILES.get("file")) if kind == "file" else None
    if kind == "text" and not text:
        raise BridgeProblem(_("Write something first."))
    if edited := request.POST.get("edit"):
        _tell(screen, "edits", id=edited, text=text, sender=screen.sender)
        return
    _tell(
        screen,
        "messages",
        chat=screen.chat,
        text=text,
        sender=screen.sender,
        quoted=request.POST.get("reply", ""),
        mention=bool(request.POST.get("mention")),
        agent_names=AgentSettings.of(screen.instance.name).names[:1],
        kind=kind,
        file=file,
    )


def _file(chosen: UploadedFile | None) -> dict:
    if chosen is None:
        raise BridgeProblem(_("Choose a file first."))
    if chosen.size > LARGEST:
        raise BridgeProblem(_("A file has up to 5 MB here."))
    return {
        "name": chosen.name,
        "mimetype": chosen.content_type,
        "data": base64.b64encode(chosen.read()).decode(),
    }


@_changing
def react(request: HttpRequest, screen: Screen) -> None:
    message_id, __, emoji = request.POST.get("reaction", "").partition(" ")
    _tell(screen, "reactions", id=message_id, emoji=emoji, sender=screen.sender)


@_changing
def delete(request: HttpRequest, screen: Screen) -> None:
    message_id = request.POST.get("id", "")
    _tell(screen, "deletions", id=message_id, sender=screen.sender)


@_changing
def scan(request: HttpRequest, screen: Screen) -> None:
    _tell(screen, "scan")


@_changing
def unlink(request: HttpRequest, screen: Screen) -> None:
    _tell(screen, "unlink")


@_changing
def silence(request: HttpRequest, screen: Screen) -> None:
    is_silent = bool(screen.instance and screen.instance["is_silent"])
    _tell(screen, "silence", is_silent=not is_silent)


@_changing
def add_person(request: HttpRequest, screen: Screen) -> str:
    name = request.POST.get("name", "").strip()
    if not name:
        raise BridgeProblem(_("A person needs a name."))
    person = ask("POST", "people", {"name": name})
    return screen.query_with(me=person["phone"])


@_changing
def add_group(request: HttpRequest, screen: Screen) -> str:
    name = request.POST.get("name", "").strip()
    members = request.POST.getlist("members")
    if not name or not members:
        raise BridgeProblem(_("A group needs a name and members."))
    group = ask("POST", "groups", {"name": name, "members": members})
    me = screen.me if screen.me in (*members, OWNER) else members[0]
    return screen.query_with(me=me, chat=group["jid"])
