"""The page of a conversation: its messages, what became of them, and the buttons."""

import copy
import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from conversations.admin import history
from conversations.admin.bubbles import entries
from conversations.admin.files import serve
from conversations.admin.forms import SteeringForm
from conversations.admin.history import Window
from conversations.admin.labelling import may_label
from conversations.admin.live import stamp
from conversations.admin.neighbours import neighbours
from conversations.admin.standing import standing
from conversations.admin.steering import correct, mark_read, steer
from conversations.models import Conversation, MediaFile
from conversations.steering import NotPossible
from llm.admin_live import live_part
from llm.models import Label

TEMPLATES = "admin/conversations/conversation"
VIEW = "admin:conversations_conversation"
PLACES = ("before", "after", "message")


class ConversationPage:
    """What of ConversationAdmin is about the page of one conversation."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self._path("steer/", require_POST(self.steer_view), "steer"),
            self._path("correct/", require_POST(self.correct_view), "correct"),
            self._path("read/", require_POST(self.read_view), "read"),
            self._path("live/", require_GET(self.live_view), "live"),
            self._path("older/", require_GET(self.older_view), "older"),
            self._path("beside/", require_GET(self.beside_view), "beside"),
            self._path("files/<int:message>/", require_GET(self.file_view), "file"),
            self._path(
                "decisions/<int:decision>/", require_GET(self.prompt_view), "prompt"
            ),
            *super().get_urls(),
        ]

    def _path(self, route: str, view: Any, name: str) -> URLPattern:
        guarded = self.admin_site.admin_view(view)
        return path(
            f"<int:pk>/{route}", guarded, name=f"conversations_conversation_{name}"
        )

    def render_change_form(
        self, request: HttpRequest, context: dict, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        conversation = context["original"]
        window = history.opened(conversation, request.GET)
        # Before the messages are drawn: what changes meanwhile is then told once more.
        seen = stamp(conversation, window.cursor) if window.is_latest else ""
        context |= self._shown(request, conversation, window)
        context |= {
            "title": _("Conversation"),
            "seen": seen,
            "is_live": window.is_latest,
            "is_unread": _is_unread(conversation),
            "steer_url": context["steer_url"] + _place(request.GET),
            "correct_url": context["correct_url"] + _place(request.GET),
            "neighbours": neighbours(),
            "show_save_and_continue": False,
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def response_post_save_change(
        self, request: HttpRequest, obj: Conversation
    ) -> HttpResponse:
        return HttpResponseRedirect(_url(obj))

    def steer_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        conversation = self._conversation(request, pk, to_steer=True)

        def act(given: dict) -> str:
            done = steer(conversation, request.user, **given)
            self.log_change(request, conversation, done)
            return done

        return self._act(request, conversation, act)

    def correct_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Say of a judged message whether a reply was wanted."""
        conversation = self._conversation(request, pk)
        if not may_label(request):
            raise PermissionDenied

        def act(given: dict) -> str:
            return correct(
                conversation, request.user, given["action"], given["message"]
            )

        return self._act(request, conversation, act)

    def _act(
        self,
        request: HttpRequest,
        conversation: Conversation,
        act: Callable[[dict], str],
    ) -> HttpResponse:
        form = SteeringForm(request.POST, request.FILES)
        try:
            if not form.is_valid():
                raise NotPossible(_("That cannot be read."))
            done = act(form.cleaned_data)
        except NotPossible as error:
            return self._refused(request, conversation, form, str(error))
        about = form.cleaned_data["message"]
        if _is_htmx(request):
            response = self._live(request, conversation.pk, about, notice=done)
            did = {"steered": form.cleaned_data["action"]}
            response.headers["HX-Trigger"] = json.dumps(did)
            return response
        self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(_back(request, conversation, about))

    def _refused(
        self,
        request: HttpRequest,
        conversation: Conversation,
        form: SteeringForm,
        why: str,
    ) -> HttpResponse:
        """Say why, and keep what was typed."""
        if _is_htmx(request):
            about = form.cleaned_data.get("message")
            return self._live(request, conversation.pk, about, refused=why)
        page = copy.copy(request)
        page.method = "GET"
        typed = {"refused": why, "typed": form.cleaned_data.get("text", "")}
        response = self.change_view(page, str(conversation.pk), extra_context=typed)
        response.status_code = 409
        return response

    def read_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Mark all as read up to the message that was shown last."""
        conversation = self._conversation(request, pk, to_steer=True)
        shown = request.POST.get("message", "")
        if not shown.isdecimal():
            raise Http404
        message = conversation.messages.filter(pk=shown).only("sent_at").first()
        if message:
            mark_read(conversation, message.sent_at)
        if _is_htmx(request):
            return HttpResponse(status=204)
        return HttpResponseRedirect(f"{_url(conversation)}#latest")

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """What an open page is to show by now, or 204 when it does."""
        return self._live(request, pk, seen=request.GET.get("seen", ""))

    def older_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The messages before those on the page."""
        conversation = self._conversation(request, pk)
        asked = {"before": request.GET.get("before", "")}
        window = history.opened(conversation, asked)
        context = self._shown(request, conversation, window) | {"is_chunk": True}
        return render(request, f"{TEMPLATES}/_older.html", context)

    def beside_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        conversation = self._conversation(request, pk)
        context = {"neighbours": neighbours(), "original": conversation}
        return live_part(request, f"{TEMPLATES}/_beside.html", context)

    def prompt_view(self, request: HttpRequest, pk: int, decision: int) -> HttpResponse:
        """The prompt of a decision, and the answer as it came."""
        conversation = self._conversation(request, pk)
        if not request.user.has_perm("llm.view_prompt"):
            raise PermissionDenied
        found = conversation.decisions.filter(pk=decision).first()
        if found is None:
            raise Http404
        return render(request, f"{TEMPLATES}/_prompt.html", {"decision": found})

    def file_view(self, request: HttpRequest, pk: int, message: int) -> HttpResponse:
        """The file that a message carries."""
        conversation = self._conversation(request, pk)
        files = MediaFile.objects.filter(message__conversation=conversation)
        found = files.select_related("message").filter(message=message).first()
        if found is None:
            raise Http404
        return serve(request, found)

    def _conversation(
        self, request: HttpRequest, pk: int, to_steer: bool = False
    ) -> Conversation:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if to_steer and not _may_steer(request):
            raise PermissionDenied
        found = Conversation.objects.select_related("contact").filter(pk=pk).first()
        if found is None:
            raise Http404
        return found

    def _shown(
        self, request: HttpRequest, conversation: Conversation, window: Window
    ) -> dict:
        page_url = _url(conversation)
        return {
            "original": conversation,
            "window": window,
            "entries": entries(conversation, window),
            "last": window.messages[-1] if window.messages else None,
            "on_page": {message.pk for message in window.messages},
            "standing": standing(conversation),
            "page_url": page_url,
            "base_url": page_url.removesuffix("change/"),
            "decisions_url": reverse("admin:llm_decision_changelist"),
            "steer_url": reverse(f"{VIEW}_steer", args=[conversation.pk]),
            "correct_url": reverse(f"{VIEW}_correct", args=[conversation.pk]),
            "is_live": True,
            "may_steer": _may_steer(request),
            "may_label": may_label(request),
            "corrections": _corrections(request, window) if may_label(request) else {},
            "may_read_prompts": request.user.has_perm("llm.view_prompt"),
        }

    def _live(
        self,
        request: HttpRequest,
        pk: int,
        about: int | None = None,
        seen: str = "",
        **told: str,
    ) -> HttpResponse:
        conversation = self._conversation(request, pk)
        cursor = request.GET.get("from") or request.POST.get("from") or ""
        now = stamp(conversation, cursor)
        if now == seen:
            return HttpResponse(status=204)
        window = history.since(conversation, cursor)
        context = self._shown(request, conversation, window) | told
        if about and about not in [message.pk for message in window.messages]:
            alone = history.single(conversation, about)
            context["beyond"] = entries(conversation, alone)
        html = render_to_string(f"{TEMPLATES}/_live.html", context, request)
        return HttpResponse(html, headers={"X-Seen": now})


def _corrections(request: HttpRequest, window: Window) -> dict[int, str]:
    """What this person has said of the decisions on the page."""
    pks = {one.pk for message in window.messages for one in message.decisions.all()}
    own = Label.objects.filter(
        rater=request.user, origin=Label.Origin.CORRECTION, decision__in=pks
    )
    return dict(own.values_list("decision", "verdict"))


def _may_steer(request: HttpRequest) -> bool:
    return request.user.has_perm("conversations.steer_conversation")


def _is_htmx(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _url(conversation: Conversation) -> str:
    return reverse(f"{VIEW}_change", args=[conversation.pk])


def _is_unread(conversation: Conversation) -> bool:
    last, read = conversation.last_message_at, conversation.read_until
    return last is not None and (read is None or read < last)


def _place(asked: QueryDict) -> str:
    """The part of the address that says which messages are shown."""
    named = {name: asked[name] for name in PLACES if asked.get(name, "").isdecimal()}
    return f"?{urlencode(named)}" if named else ""


def _back(request: HttpRequest, conversation: Conversation, about: int | None) -> str:
    """Where the button was."""
    anchor = f"message-{about}" if about else "latest"
    return f"{_url(conversation)}{_place(request.GET)}#{anchor}"
