import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations.admin import settings_sections
from conversations.admin.settings_sections import NAMES
from conversations.models import AgentSettings, SettingsChange
from llm.models import Decision
from tests.factories import make_conversation, make_settings

pytestmark = pytest.mark.django_db

SETTINGS = reverse("admin:conversations_agentsettings_changelist")
PAGE = reverse("admin:conversations_agentsettings_change", args=[1])
CHANGES = reverse("admin:conversations_settingschange_changelist")


@pytest.fixture(autouse=True)
def _no_collected_static_files(settings):
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def _settings(db) -> None:
    make_settings()


@pytest.fixture
def staff(django_user_model):
    """Sign in a member of staff with these permissions."""

    def staff(name: str, *codenames: str) -> Client:
        person = django_user_model.objects.create_user(name, is_staff=True)
        person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(person)
        return client

    return staff


@pytest.fixture
def sam(staff):
    return staff("Sam", "change_agentsettings", "view_settingschange")


@pytest.fixture
def ria(staff):
    return staff("Ria", "change_agentsettings", "view_settingschange")


class Opened:
    """The page as one person has it open, with what they have typed."""

    def __init__(self, client: Client) -> None:
        self.client = client
        response = client.get(PAGE)
        form = response.context["adminform"].form
        self.fields = {"seen": response.context["seen"]}
        for name, field in form.fields.items():
            value = form.get_initial_for_field(field, name)
            if value is True:
                self.fields[name] = "on"
            elif value is not None and value is not False:
                self.fields[name] = value

    def save(self, **fields):
        """Type these into the form, and send it; None empties a field."""
        filled = {**self.fields, **fields}
        sent = {name: value for name, value in filled.items() if value is not None}
        return self.client.post(PAGE, sent, follow=True)


def messages(response) -> str:
    return " ".join(map(str, response.context["messages"]))


def errors(response) -> dict:
    return response.context["adminform"].form.errors


def undo(client: Client, change: SettingsChange) -> str:
    url = reverse("admin:conversations_settingschange_undo", args=[change.pk])
    return messages(client.post(url, follow=True))


def change(client: Client, **fields) -> SettingsChange:
    Opened(client).save(**fields)
    return SettingsChange.objects.latest("pk")


def judge(p: float | None, **fields) -> Decision:
    conversation = fields.pop("conversation", None) or make_conversation(is_group=True)
    defaults = {"step": "relevance", "source": "model", "outcome": "silent"}
    return Decision.objects.create(
        conversation=conversation, p=p, **{**defaults, **fields}
    )


class TestPage:
    def test_is_the_only_one(self, admin_client):
        response = admin_client.get(SETTINGS, follow=True)

        assert response.status_code == 200
        assert AgentSettings.objects.count() == 1

    def test_shows_every_setting_once(self, admin_client):
        text = admin_client.get(SETTINGS, follow=True).text

        fields = AgentSettings._meta.get_fields()
        editable = {field.name for field in fields if field.editable} - {"id"}
        assert set(NAMES) == editable
        assert all(text.count(f'name="{name}"') == 1 for name in NAMES)

    def test_begins_with_the_switch(self, admin_client):
        text = admin_client.get(SETTINGS, follow=True).text

        assert min(NAMES, key=lambda name: text.index(f'name="{name}"')) == "is_on"

    def test_tells_units(self, admin_client):
        text = admin_client.get(SETTINGS, follow=True).text

        row = text[text.index('id="row-group_wait"') :][:900]
        assert '<span class="unit" aria-hidden="true">seconds</span>' in row

    def test_loads_no_script_but_ours(self, admin_client):
        text = admin_client.get(SETTINGS, follow=True).text

        assert "jquery" not in text.lower()
        assert not re.search(r"<script(?! src=| id=\S+ type=.application/json)", text)

    def test_cannot_be_deleted(self, admin_client):
        url = reverse("admin:conversations_agentsettings_delete", args=[1])

        assert admin_client.post(url, {"post": "yes"}).status_code == 403

    def test_cannot_be_doubled(self, admin_client):
        url = reverse("admin:conversations_agentsettings_add")

        assert admin_client.get(url).status_code == 403

    def test_offers_nothing_to_who_may_only_look(self, staff):
        make_settings(bot_name="Juno")
        viewer = staff("Vic", "view_agentsettings", "view_settingschange")

        text = viewer.get(PAGE).text

        body = text[text.index('id="settings-form"') :]
        assert "Juno" in body
        assert not re.search(r"<(button|select|textarea)", body)
        assert set(re.findall(r'<input type="(\w+)"', body)) == {"hidden"}

    def test_takes_nothing_from_who_may_only_look(self, staff):
        make_settings(threshold=0.6)
        viewer = staff("Vic", "view_agentsettings")

        assert viewer.post(PAGE, {"threshold": "0.1"}).status_code == 403
        assert AgentSettings.load().threshold == 0.6

    def test_links_to_what_is_stored_for_those_who_may_see_it(self, staff):
        viewer = staff("Vic", "view_agentsettings", "view_decision")

        stored = viewer.get(PAGE).context["stored"]

        assert [row.url for row in stored] == [reverse("admin:llm_decision_changelist")]

    def test_costs_as_many_queries_with_many_changes(self, sam):
        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                sam.get(PAGE)
            return len(captured)

        queries()
        change(sam, threshold="0.11")
        few = queries()
        for number in range(12):
            change(sam, threshold=f"0.{number + 20}")

        assert queries() == few


class TestSaving:
    def test_as_it_is_changes_nothing(self, sam):
        make_settings(instructions="One\nTwo")

        assert Opened(sam).save().redirect_chain
        assert not SettingsChange.objects.exists()

    def test_line_ends_of_browsers_are_no_change(self, sam):
        make_settings(instructions="One\nTwo")

        Opened(sam).save(instructions="One\r\nTwo")

        assert not SettingsChange.objects.exists()
        assert AgentSettings.load().instructions == "One\nTwo"

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("threshold", "1.01"),
            ("threshold", "-1"),
            ("threshold", "nan"),
            ("direct_wait", "-1"),
            ("direct_wait", "13"),
            ("group_wait", "12.5"),
            ("context_messages", "0"),
            ("context_messages", "201"),
            ("temperature", "2.1"),
            ("relevance_timeout", "0"),
            ("response_timeout", "-3"),
            ("response_price_in", "-1"),
            ("daily_spend_limit", "-1"),
            ("keep_texts", "0"),
            ("keep_prompts", "-1"),
            ("keep_webhooks", "36501"),
            ("keep_tasks", "1.5"),
            ("bot_name", " "),
        ],
    )
    def test_refuses_what_cannot_be(self, admin_client, name, value):
        response = Opened(admin_client).save(**{name: value})

        assert errors(response).keys() == {name}
        assert not SettingsChange.objects.exists()

    @pytest.mark.parametrize("name", settings_sections.KEPT)
    def test_keeps_for_ever_where_no_days_are_given(self, admin_client, name):
        make_settings(**{name: 30})

        page = Opened(admin_client).save(**{name: ""})

        assert getattr(AgentSettings.load(), name) is None
        assert "for ever" in page.text

    def test_warns_of_a_provider_without_a_key(self, admin_client, settings):
        settings.LLM_PROVIDERS["anthropic"]["api_key"] = ""

        response = Opened(admin_client).save(response_provider="anthropic")

        assert AgentSettings.load().response_provider == "anthropic"
        assert "ANTHROPIC_API_KEY is not set" in messages(response)

    def test_stands_in_the_audit_log(self, admin_client):
        Opened(admin_client).save(threshold="0.7")

        assert "Threshold" in LogEntry.objects.get().get_change_message()

    @pytest.mark.django_db(transaction=True)
    def test_is_in_force_at_once(self, admin_client, monkeypatch):
        monkeypatch.setattr(AgentSettings, "FRESH_SECONDS", 1000)
        monkeypatch.setattr(AgentSettings, "_copy", None)
        opened = Opened(admin_client)
        AgentSettings.current()

        opened.save(threshold="0.7")

        assert AgentSettings.current().threshold == 0.7


class TestHistory:
    def test_records_only_what_was_changed(self, sam):
        make_settings(threshold=0.6, daily_spend_limit=None)

        row = change(sam, threshold="0.7", daily_spend_limit="2.50", is_on=None)

        assert row.before == {
            "threshold": 0.6,
            "daily_spend_limit": None,
            "is_on": True,
        }
        assert row.after == {
            "threshold": 0.7,
            "daily_spend_limit": "2.50",
            "is_on": False,
        }
        assert row.staff.username == "Sam"

    def test_tells_the_last_ten_on_the_page(self, sam):
        for number in range(12):
            change(sam, threshold=f"0.{number + 20}")

        shown = sam.get(PAGE).context["changes"]

        assert [one.change.after["threshold"] for one in shown] == [
            (31 - number) / 100 for number in range(10)
        ]

    def test_tells_choices_by_their_names(self, sam):
        make_settings(group_policy="judged")
        change(sam, group_policy="addressed")

        text = sam.get(PAGE).text

        history = text[text.index('id="history"') :]
        assert "Only when addressed" in history
        assert "In groups it replies" in history

    def test_shortens_long_texts_and_shows_them_whole(self, sam):
        long = "Be kind. " * 30
        make_settings(instructions="Be brief")
        change(sam, instructions=long)

        (field,) = sam.get(PAGE).context["changes"][0].fields

        assert len(field.new.start) <= 60
        assert field.new.text == long.strip()
        assert not field.old.is_long

    def test_is_not_told_to_who_may_not_see_changes(self, staff, sam):
        change(sam, bot_name="Juno the Great")
        change(sam, bot_name="Juno")
        viewer = staff("Vic", "view_agentsettings")

        assert "Juno the Great" not in viewer.get(PAGE).text

    def test_has_a_list_that_nobody_changes(self, admin_client):
        row = change(admin_client, threshold="0.7")
        url = reverse("admin:conversations_settingschange_change", args=[row.pk])

        assert "Threshold" in admin_client.get(CHANGES).text
        assert "0.7" in admin_client.get(url).text
        assert admin_client.post(url, {}).status_code == 403


class TestUndo:
    def test_sets_back_what_was_changed(self, sam):
        make_settings(threshold=0.6, response_price_in=Decimal("0.15"))
        row = change(sam, threshold="0.7", response_price_in="0.2", bot_name="Juno")

        undo(sam, row)

        agent = AgentSettings.load()
        assert (agent.threshold, agent.bot_name) == (0.6, "Assistant")
        assert agent.response_price_in == Decimal("0.15")

    def test_is_a_change_itself_and_can_be_undone(self, sam, ria):
        make_settings(threshold=0.6)
        row = change(sam, threshold="0.7")

        undo(ria, row)
        undone = SettingsChange.objects.latest("pk")
        undo(sam, undone)

        assert (undone.undoes, undone.staff.username) == (row, "Ria")
        assert SettingsChange.objects.latest("pk").undoes == undone
        assert AgentSettings.load().threshold == 0.7

    def test_leaves_other_settings_alone(self, sam):
        row = change(sam, threshold="0.7")
        change(sam, bot_name="Juno")

        undo(sam, row)

        assert AgentSettings.load().bot_name == "Juno"

    def test_does_nothing_where_one_was_changed_since(self, sam, ria):
        make_settings(threshold=0.6)
        row = change(sam, threshold="0.7", bot_name="Juno")
        change(ria, threshold="0.8")

        told = undo(sam, row)

        agent = AgentSettings.load()
        assert (agent.threshold, agent.bot_name) == (0.8, "Juno")
        assert "“Threshold” was changed since by Ria" in told
        assert "Name" not in told

    def test_does_nothing_twice(self, sam):
        make_settings(threshold=0.6)
        row = change(sam, threshold="0.7")

        undo(sam, row)

        assert "was changed since by Sam" in undo(sam, row)
        assert SettingsChange.objects.count() == 2

    def test_names_nobody_where_a_change_was_not_recorded(self, sam):
        make_settings(threshold=0.6)
        row = change(sam, threshold="0.7")
        make_settings(threshold=0.9)

        assert "by somebody else" in undo(sam, row)

    def test_keeps_to_what_can_be(self, sam):
        make_settings(longest_wait=12)
        row = SettingsChange.objects.create(
            before={"longest_wait": 1}, after={"longest_wait": 12}
        )

        told = undo(sam, row)

        assert "It cannot be as it was" in told
        assert AgentSettings.load().longest_wait == 12

    def test_knows_settings_that_are_gone(self, sam):
        row = SettingsChange.objects.create(
            before={"old_thing": 1}, after={"old_thing": 2}
        )

        assert "no such setting any more: Old thing" in undo(sam, row)

    @pytest.mark.parametrize(
        "codenames",
        [["view_agentsettings", "view_settingschange"], ["change_conversation"]],
        ids=["who may look", "who may change other things"],
    )
    def test_is_not_for_everybody(self, sam, staff, codenames):
        make_settings(threshold=0.6)
        row = change(sam, threshold="0.7")
        url = reverse("admin:conversations_settingschange_undo", args=[row.pk])

        assert staff("Vic", *codenames).post(url).status_code == 403
        assert AgentSettings.load().threshold == 0.7

    def test_does_not_happen_on_get(self, sam):
        make_settings(threshold=0.6)
        row = change(sam, threshold="0.7")
        url = reverse("admin:conversations_settingschange_undo", args=[row.pk])

        assert sam.get(url).status_code == 405
        assert AgentSettings.load().threshold == 0.7

    def test_forged_posts_are_refused(self, admin_user, sam):
        row = change(sam, threshold="0.7")
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)
        url = reverse("admin:conversations_settingschange_undo", args=[row.pk])

        assert client.post(url).status_code == 403


class TestTwoAtOnce:
    def test_keep_each_others_changes(self, sam, ria):
        make_settings(threshold=0.6, bot_name="Assistant", show_typing=True)
        opened = Opened(sam)

        Opened(ria).save(threshold="0.7", show_typing=None)
        opened.save(bot_name="Juno")

        agent = AgentSettings.load()
        assert (agent.threshold, agent.bot_name) == (0.7, "Juno")
        assert not agent.show_typing
        assert SettingsChange.objects.latest("pk").after == {"bot_name": "Juno"}

    def test_are_told_when_they_change_the_same(self, sam, ria):
        make_settings(threshold=0.6)
        opened = Opened(sam)
        Opened(ria).save(threshold="0.7")

        response = opened.save(threshold="0.65", bot_name="Juno")

        agent = AgentSettings.load()
        assert (agent.threshold, agent.bot_name) == (0.7, "Assistant")
        told = errors(response)["threshold"][0]
        assert "Ria has changed this to 0.7" in told
        assert 'value="0.65"' in response.text

    def test_may_insist(self, sam, ria):
        make_settings(threshold=0.6, mark_read=True)
        opened = Opened(sam)
        Opened(ria).save(threshold="0.7", mark_read=None, group_instructions="Hm")

        again = opened.save(threshold="0.65")
        form = again.context["adminform"].form
        opened.fields = {
            name: form[name].value() for name in form.fields if form[name].value()
        } | {"seen": again.context["seen"]}
        opened.save()

        agent = AgentSettings.load()
        assert agent.threshold == 0.65
        assert (agent.mark_read, agent.group_instructions) == (False, "Hm")

    def test_may_agree(self, sam, ria):
        make_settings(threshold=0.6)
        opened = Opened(sam)
        Opened(ria).save(threshold="0.7")

        opened.save(threshold="0.7")

        assert SettingsChange.objects.count() == 1

    def test_are_told_even_of_what_is_wrong_anyway(self, sam, ria):
        make_settings(threshold=0.6)
        opened = Opened(sam)
        Opened(ria).save(threshold="0.7")

        response = opened.save(threshold="6")

        assert "Ria has changed this" in " ".join(errors(response)["threshold"])

    @pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 30, "²"])
    def test_shrugs_at_nonsense(self, sam, seen):
        make_settings(threshold=0.6)

        Opened(sam).save(seen=seen, threshold="0.7")

        assert AgentSettings.load().threshold == 0.7


class TestPreview:
    def test_tells_what_would_have_happened(self, admin_client):
        make_settings(threshold=0.6)
        conversation = make_conversation(is_group=True)
        for p in (0.1, 0.59, 0.6, 0.61, 0.9):
            judge(p, conversation=conversation)

        told = admin_client.get(PAGE).context["told"]

        assert told == (
            "At 0.60, 3 of the last 5 judged moments would have had a reply (60 %);"
            " now: 3."
        )

    def test_counts_judgements_of_models_only(self, admin_client):
        conversation = make_conversation(is_group=True)
        judge(0.9, conversation=conversation)
        judge(None, conversation=conversation)
        judge(0.9, conversation=conversation, source="rule")
        judge(0.9, conversation=conversation, step="response")

        assert admin_client.get(PAGE).context["scores"].total == 1

    def test_looks_back_thirty_days(self, admin_client):
        decision = judge(0.9)
        past = timezone.now() - timedelta(days=31)
        Decision.objects.filter(pk=decision.pk).update(created_at=past)

        assert admin_client.get(PAGE).context["scores"].total == 0

    def test_gives_the_script_every_hundredth(self, admin_client):
        judge(0.29)

        text = admin_client.get(PAGE).text

        found = re.search(r'id="preview-counts"[^>]*>([^<]*)<', text)
        counts = json.loads(found[1])
        assert len(counts) == 101
        assert counts[29] == 1

    def test_stands_in_a_table_for_those_without_script(self, admin_client):
        judge(0.7)

        steps = admin_client.get(PAGE).context["steps"]

        assert steps[7] == (0.7, 1, 100)
        assert steps[8] == (0.8, 0, 0)

    def test_says_so_when_nothing_was_judged(self, admin_client):
        response = admin_client.get(PAGE)

        assert "No model has judged anything" in response.text
        assert "wa-chart" not in response.text

    def test_shows_what_is_saved_while_the_form_is_wrong(self, admin_client):
        make_settings(threshold=0.6)
        judge(0.7)

        response = Opened(admin_client).save(threshold="0.9", bot_name=" ")

        assert response.context["saved"] == 0.6
