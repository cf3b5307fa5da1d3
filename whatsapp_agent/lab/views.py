from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from conversations import thresholds
from conversations.models import AgentSettings, Conversation, ThresholdChange
from conversations.thresholds import NotApplied, instance_of, is_of_settings
from whatsapp_agent.lab import applying, page
from whatsapp_agent.lab.state import State, read


def urls(site: AdminSite) -> list[URLPattern]:
    def lab(request: HttpRequest) -> HttpResponse:
        _check(request.user)
        found = page.context(read(request), request.user)
        return render(
            request, "admin/lab/page.html", site.each_context(request) | found
        )

    @require_http_methods(["GET", "HEAD", "POST"])
    def apply(request: HttpRequest) -> HttpResponse:
        _check(request.user)
        state = read(request)
        asked = request.POST if request.method == "POST" else request.GET
        wanted = applying.targets(asked)
        if not page.may(request.user, wanted) or not _may_apply(request.user):
            raise PermissionDenied
        refused = ""
        if request.method == "POST" and wanted:
            try:
                return _apply(request, state, wanted)
            except NotApplied as error:
                refused = _refused(error)
        found = {
            "title": _("Apply thresholds"),
            "state": state,
            "flips": list(applying.preview(state, wanted)),
            "refused": refused,
            "why": asked.get("why", "")[: applying.LONGEST_WHY],
        }
        return render(
            request,
            "admin/lab/apply.html",
            site.each_context(request) | found,
            status=409 if refused else 200,
        )

    return [
        path("lab/", site.admin_view(lab), name="lab"),
        path("lab/apply/", site.admin_view(apply), name="lab_apply"),
        path(
            "lab/changes/<int:pk>/undo/",
            site.admin_view(require_POST(undo)),
            name="lab_undo",
        ),
    ]


def undo(request: HttpRequest, pk: int) -> HttpResponse:
    _check(request.user)
    if not _may_apply(request.user):
        raise PermissionDenied
    change = get_object_or_404(ThresholdChange, pk=pk)
    if not page.may(request.user, change.after):
        raise PermissionDenied
    try:
        done = thresholds.undo(change, request.user)
    except NotApplied as error:
        messages.error(request, _refused(error))
    else:
        _log(request.user, done, _("Threshold set back"))
        messages.success(request, _("Undone: the thresholds are as they were."))
    return HttpResponseRedirect(f"{read(request).url}#changes")


def _apply(
    request: HttpRequest, state: State, wanted: dict[str, float]
) -> HttpResponse:
    change = thresholds.apply(
        wanted,
        applying.seen(request.POST, wanted),
        request.user,
        request.POST.get("why", "")[: applying.LONGEST_WHY],
    )
    _log(request.user, change, _("Threshold applied from the lab"))
    messages.success(request, _("Applied. It can be undone below."))
    return HttpResponseRedirect(f"{state.url}#changes")


def _check(user: User) -> None:
    if not user.has_perm("llm.view_decision"):
        raise PermissionDenied


def _may_apply(user: User) -> bool:
    return user.has_perm("conversations.change_conversation") or user.has_perm(
        "conversations.change_agentsettings"
    )


def _refused(error: NotApplied) -> str:
    names = page.named(set(error.found))
    now = (
        _("%(name)s is at %(value)s by now.")
        % {"name": names.get(key, key), "value": page.value_of(value)}
        for key, value in error.found.items()
    )
    return " ".join(
        [_("Somebody else changed it meanwhile."), *now, _("Nothing was changed.")]
    )


def _log(user: User, change: ThresholdChange, what: str) -> None:
    of = thresholds.conversations(change.after)
    groups = Conversation.objects.select_related("contact").in_bulk(of)
    for key, new in change.after.items():
        if is_of_settings(key):
            row: Any = AgentSettings.load()
        elif (row := groups.get(int(key))) is None:
            continue
        told = f"{what}: {page.value_of(change.before[key])} → {page.value_of(new)}"
        if instance := instance_of(key):
            told = f"{instance}: {told}"
        LogEntry.objects.log_actions(user.pk, [row], CHANGE, told, single_object=True)
