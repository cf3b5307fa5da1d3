"""Replays: started with an estimate, watched, labelled, adopted and rolled back."""

import secrets
from dataclasses import dataclass

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST

from conversations.admin import adoption, settings_fields
from conversations.admin.forms import LimitedForm
from conversations.admin.settings_history import NotUndone
from conversations.models import AgentSettings
from llm.admin_records import RecordAdmin
from llm.lab import replay as replays, replay_report, stored
from llm.lab.models import Replay
from llm.lab.prices import Prices
from llm.models import Label

START = "conversations.change_agentsettings"
LABEL = "llm.add_label"
TOLD = {
    replays.State.PAUSED: gettext_lazy("Paused."),
    replays.State.RUNNING: gettext_lazy("It goes on."),
    replays.State.CANCELLED: gettext_lazy("Cancelled."),
}


class ReplayForm(LimitedForm):
    """The candidate, which begins as the settings are. Never saved as settings."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    size = forms.IntegerField(
        label=gettext_lazy("Decisions"),
        min_value=1,
        max_value=replays.MOST,
        initial=300,
        help_text=gettext_lazy("By lot, from those of the last 30 days."),
    )
    budget = forms.DecimalField(
        label=gettext_lazy("Budget"),
        min_value=0,
        max_digits=10,
        decimal_places=4,
        required=False,
        help_text=gettext_lazy("It pauses when this is spent. Empty: no limit."),
    )
    seed = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = AgentSettings
        fields = replays.FIELDS
        widgets = {"group_instructions": forms.Textarea({"rows": 6, "dir": "auto"})}

    field_order = ("name", *replays.FIELDS, "size", "budget")

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.live = adoption.plain(AgentSettings.load())
        for name in replays.FIELDS:
            self.fields[name].label = settings_fields.label(name)
            self.fields[name].help_text = settings_fields.UNITS.get(name, "")
        self.fields["threshold"].help_text = _("A group's own threshold stays.")

    @property
    def candidate(self) -> dict:
        return adoption.plain(self.instance)

    def clean(self) -> dict:
        cleaned = super().clean()
        if not set(self.changed_data) & set(replays.FIELDS):
            raise forms.ValidationError(_("Change something: this is how it is now."))
        return cleaned


@dataclass(frozen=True)
class Difference:
    label: str
    old: str
    new: str


def differences(replay: Replay) -> list[Difference]:
    return [
        Difference(
            settings_fields.label(name),
            settings_fields.told(name, adoption.read(name, replay.live[name])),
            settings_fields.told(name, adoption.read(name, replay.candidate[name])),
        )
        for name in adoption.changed(replay)
    ]


@admin.register(Replay)
class ReplayAdmin(RecordAdmin):
    list_display = ("name", "state", "created_at", "staff")
    list_select_related = ("staff",)
    list_filter = ("state",)
    change_list_template = "admin/llm/replay/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("new/", view(self.new), name="llm_replay_new"),
            path("<int:pk>/steer/", view(self.steer), name="llm_replay_steer"),
            path("<int:pk>/label/", view(self.label), name="llm_replay_label"),
            path("<int:pk>/adopt/", view(self.adopt), name="llm_replay_adopt"),
            path(
                "<int:pk>/rollback/", view(self.roll_back), name="llm_replay_rollback"
            ),
        ]
        return [*own, *super().get_urls()]

    def has_view_permission(
        self, request: HttpRequest, obj: Replay | None = None
    ) -> bool:
        return request.user.has_perm("llm.view_decision")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        told = {"title": _("Replays"), "may_start": request.user.has_perm(START)}
        return super().changelist_view(request, told | (extra_context or {}))

    def new(self, request: HttpRequest) -> HttpResponse:
        """First what it would cost, then, by a second button, the start."""
        _require(request, START)
        row = AgentSettings.load()
        form = ReplayForm(
            request.POST or None,
            instance=row,
            initial={"seed": secrets.randbelow(2**31)},
        )
        estimate = None
        if request.method == "POST" and form.is_valid():
            pks = replays.draw(form.cleaned_data["size"], form.cleaned_data["seed"])
            if pks and "start" in request.POST:
                return self._started(request, form, pks)
            estimate = replays.estimate(
                pks, form.candidate, form.live, row.relevance_timeout
            )
        context = {"title": _("New replay"), "form": form, "estimate": estimate}
        return self._page(request, "new", context)

    def _started(
        self, request: HttpRequest, form: ReplayForm, pks: list[int]
    ) -> HttpResponse:
        replay = replays.start(
            pks,
            name=form.cleaned_data["name"],
            candidate=form.candidate,
            live=form.live,
            budget=form.cleaned_data["budget"],
            staff=request.user,
        )
        self.message_user(request, _("A worker is about to begin."))
        return _to(replay)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict | None = None,
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return HttpResponse(status=405, headers={"Allow": "GET"})
        _require(request, "llm.view_decision")
        replay = self.get_object(request, object_id)
        if replay is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        worth = request.GET.get("worth", "1")
        worth = worth if worth in replay_report.WORTHS else "1"
        prices = Prices(1.0, replay_report.WORTHS[worth])
        context = {
            "title": replay.name,
            "original": replay,
            "differences": differences(replay),
            "report": replay_report.Report(replay, prices),
            "spent": replay.spent,
            "worth": worth,
            "worths": _worths(),
            "unlabelled": replay_report.to_label(replay, request.user).count(),
            "is_adopted": adoption.is_adopted(replay),
            "may_start": request.user.has_perm(START),
            "may_label": request.user.has_perm(LABEL),
        }
        return self._page(request, "change_form", context)

    @method_decorator(require_POST)
    def steer(self, request: HttpRequest, pk: int) -> HttpResponse:
        replay = self._posted(request, pk)
        to = request.POST.get("to", "")
        if to in TOLD and replays.steer(pk, to):
            self.message_user(request, TOLD[to])
        else:
            self.message_user(request, _("It is over already."), messages.WARNING)
        return _to(replay)

    def label(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One flip at a time, without what either side said of it."""
        _require(request, "llm.view_decision", LABEL)
        replay = get_object_or_404(Replay, pk=pk)
        waiting = replay_report.to_label(replay, request.user)
        if request.method == "POST":
            self._keep_label(request, replay)
            return HttpResponseRedirect(request.path)
        result = waiting.select_related("decision__conversation").first()
        if result is None:
            self.message_user(request, _("Every flip is labelled."))
            return _to(replay)
        moment = stored.read(result.decision.input)
        context = {
            "title": _("Should the assistant have replied here?"),
            "original": replay,
            "result": result,
            "moment": moment,
            "verdicts": Label.Verdict.choices,
            "left": waiting.count(),
        }
        return self._page(request, "label", context)

    def _keep_label(self, request: HttpRequest, replay: Replay) -> None:
        number, verdict = request.POST.get("result", ""), request.POST.get("verdict")
        flips = replay_report.flipped(replay)
        result = flips.filter(pk=number).first() if number.isdecimal() else None
        if result is None or verdict not in Label.Verdict:
            self.message_user(request, _("Nothing was stored."), messages.ERROR)
            return
        Label.objects.update_or_create(
            decision_id=result.decision_id,
            rater=request.user,
            origin=Label.Origin.FLIP,
            defaults={"verdict": verdict},
        )

    @method_decorator(require_POST)
    def adopt(self, request: HttpRequest, pk: int) -> HttpResponse:
        replay = self._posted(request, pk)
        return self._changed(request, replay, adoption.adopt, _("Adopted."))

    @method_decorator(require_POST)
    def roll_back(self, request: HttpRequest, pk: int) -> HttpResponse:
        replay = self._posted(request, pk)
        told = _("The settings are as they were before.")
        return self._changed(request, replay, adoption.roll_back, told)

    def _changed(self, request: HttpRequest, replay, change, told) -> HttpResponse:
        try:
            row = change(replay, request.user)
        except NotUndone as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            labels = [settings_fields.label(n) for n in adoption.changed(replay)]
            self.log_change(request, row, [{"changed": {"fields": labels}}])
            self.message_user(request, told)
        return _to(replay)

    def _posted(self, request: HttpRequest, pk: int) -> Replay:
        _require(request, START)
        return get_object_or_404(Replay, pk=pk)

    def _page(self, request: HttpRequest, name: str, context: dict) -> HttpResponse:
        shared = self.admin_site.each_context(request) | {"opts": self.opts}
        return TemplateResponse(
            request, f"admin/llm/replay/{name}.html", shared | context
        )


def _require(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _to(replay: Replay) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:llm_replay_change", args=[replay.pk]))


def _worths() -> list[tuple[str, str]]:
    return [
        ("0.33", _("an unwanted reply is three times as bad")),
        ("1", _("both are as bad")),
        ("3", _("a missed one is three times as bad")),
    ]
