"""Several numbers in one installation, each with its own settings over the common ones."""

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import models, transaction
from django.test import Client
from django.urls import reverse

from conversations import (
    instance_settings,
    intake,
    ledger,
    numbers,
    settings_history as history,
)
from conversations.admin.settings_sections import NAMES, OVERRIDABLE
from conversations.instance_settings import COMMON
from conversations.models import AgentSettings, Conversation, Message, SettingsChange
from conversations.whatsapp import Address
from tests.conversations import bridge
from tests.factories import (
    ANA,
    BEN,
    GROUP,
    INSTANCE,
    incoming,
    make_conversation,
    make_settings,
)

SECOND = "second"
OTHER = Address("5511999990010@s.whatsapp.net", "271357031895795@lid")
PAGE = "/admin/conversations/agentsettings/1/change/?instance=second"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _two_numbers(bridge) -> None:
    bridge.others[SECOND] = OTHER
    make_settings()


def own(instance: str = SECOND, staff=None, **values) -> SettingsChange:
    return instance_settings.save(history.lock(), instance, values, staff)


def another(field: models.Field, common):
    """A value that the field may have, and the common settings have not."""
    if field.choices:
        return next(value for value, _ in field.flatchoices if value != common)
    if isinstance(field, models.BooleanField):
        return not common
    if isinstance(field, models.CharField | models.TextField):
        return "pt"
    return 1 if common != 1 else 2


class TestOverlay:
    @pytest.mark.parametrize("name", OVERRIDABLE)
    def test_holds_for_the_instance_alone(self, name):
        common = getattr(AgentSettings.load(), name)
        value = another(AgentSettings._meta.get_field(name), common)
        own(**{name: value})
        assert getattr(AgentSettings.of(SECOND), name) == value
        assert getattr(AgentSettings.of(INSTANCE), name) == common
        assert getattr(AgentSettings.current(), name) == common

    def test_leaves_what_is_of_the_whole_installation(self):
        common = set(NAMES) - set(OVERRIDABLE)
        assert common
        assert all(name.startswith("keep_") for name in common)

    def test_ignores_what_no_instance_may_have(self):
        own(keep_texts=3, gone_since=1, threshold=0.9)
        agent = AgentSettings.of(SECOND)
        assert (agent.keep_texts, agent.threshold) == (None, 0.9)

    def test_follows_the_common_values_it_has_not_got(self):
        own(threshold=0.9)
        make_settings(bot_name="Zoe")
        assert AgentSettings.of(SECOND).bot_name == "Zoe"

    def test_one_switch_silences_all(self):
        own(is_on=True)
        make_settings(is_on=False)
        assert not AgentSettings.of(SECOND).is_on

    def test_one_may_be_off_alone(self):
        own(is_on=False)
        assert not AgentSettings.of(SECOND).is_on
        assert AgentSettings.of(INSTANCE).is_on

    def test_costs_no_query_more_than_the_common_ones(self, django_assert_num_queries):
        own(threshold=0.9)
        with django_assert_num_queries(1):
            AgentSettings.of(SECOND)

    def test_costs_none_while_the_copy_is_fresh(
        self, monkeypatch, django_assert_num_queries
    ):
        monkeypatch.setattr(AgentSettings, "_copy", None)
        monkeypatch.setattr(AgentSettings, "FRESH_SECONDS", 60)
        AgentSettings.current()
        with django_assert_num_queries(0):
            AgentSettings.of(SECOND)

    @pytest.mark.django_db(transaction=True)
    def test_is_in_force_at_once_where_it_was_changed(self, monkeypatch):
        monkeypatch.setattr(AgentSettings, "_copy", None)
        monkeypatch.setattr(AgentSettings, "FRESH_SECONDS", 60)
        assert AgentSettings.of(SECOND).threshold == 0.6
        with transaction.atomic():
            own(threshold=0.9)
        assert AgentSettings.of(SECOND).threshold == 0.9

    def test_is_in_force_elsewhere_once_the_copy_is_old(self, monkeypatch):
        monkeypatch.setattr(AgentSettings, "_copy", None)
        monkeypatch.setattr(AgentSettings, "FRESH_SECONDS", 60)
        AgentSettings.current()
        # As another process writes it.
        AgentSettings.objects.update(own_values={SECOND: {"threshold": 0.9}})
        assert AgentSettings.of(SECOND).threshold == 0.6
        monkeypatch.setattr(AgentSettings, "FRESH_SECONDS", -1)
        assert AgentSettings.of(SECOND).threshold == 0.9


class TestIntake:
    def test_new_chats_begin_in_the_mode_of_their_number(self):
        own(new_direct_mode="draft")
        intake.receive([incoming(instance=SECOND), incoming()])
        modes = dict(Conversation.objects.values_list("instance", "mode"))
        assert modes == {SECOND: "draft", INSTANCE: "live"}

    def test_waits_as_the_number_does(self):
        own(direct_wait=0, group_wait=0)
        intake.receive([incoming(instance=SECOND)])
        message = Message.objects.get()
        assert message.conversation.due_at == message.received_at

    def test_one_person_at_two_numbers_is_one_contact(self):
        intake.receive([incoming(instance=SECOND), incoming()])
        assert Conversation.objects.count() == 2
        assert len(set(Conversation.objects.values_list("contact", flat=True))) == 1


def settle(work) -> None:
    for conversation in Conversation.objects.order_by("pk"):
        work(conversation)


def outcomes() -> dict[str, tuple[str, str]]:
    rows = Message.objects.filter(direction="in").select_related("conversation")
    return {row.conversation.instance: (row.outcome, row.reason) for row in rows}


class TestPipeline:
    def test_answers_by_the_settings_of_the_number(self, work):
        make_settings(direct_wait=0)
        own(is_on=False)
        intake.receive([incoming(instance=SECOND), incoming()])
        settle(work)
        found = outcomes()
        off = "The agent is switched off for this number"
        assert found[SECOND] == ("paused", off)
        assert found[INSTANCE][0] == "replied"

    def test_answers_to_the_name_of_the_number(self, work):
        make_settings(direct_wait=0, group_wait=0, new_group_mode="live")
        own(bot_name="Zoe", group_policy="addressed")
        fields = {"group_jid": GROUP, "text": "Zoe, are you there?"}
        intake.receive([incoming(instance=SECOND, **fields)])
        settle(work)
        assert outcomes()[SECOND] == ("replied", "It calls Zoe by name")

    def test_judges_by_the_threshold_of_the_number(self, work, model):
        model.p = 0.7
        make_settings(group_wait=0, new_group_mode="live")
        own(threshold=0.9)
        intake.receive(
            [
                incoming(instance=one, group_jid=GROUP, text="Who knows a good cook?")
                for one in (SECOND, INSTANCE)
            ]
        )
        settle(work)
        found = outcomes()
        assert found[SECOND] == ("below_threshold", "p 0.70, threshold 0.90")
        assert found[INSTANCE] == ("replied", "p 0.70, threshold 0.60")

    def test_writes_with_the_instructions_and_the_model_of_the_number(
        self, work, model
    ):
        make_settings(direct_wait=0)
        own(instructions="You are Zoe.", response_model="large-2")
        intake.receive([incoming(instance=SECOND)])
        settle(work)
        options = model.write.call_args.kwargs
        assert options["instructions"] == "You are Zoe."
        assert options["model"].name == "large-2"

    def test_its_own_limit_counts_the_calls_of_the_number_alone(self, work):
        make_settings(direct_wait=0)
        own(daily_call_limit=1)
        for one in (INSTANCE, INSTANCE, SECOND, SECOND):
            intake.receive([incoming(instance=one)])
            settle(work)
        found = Message.objects.filter(direction="in").order_by("pk")
        assert list(found.values_list("outcome", flat=True)) == [
            "replied",
            "replied",
            "replied",
            "over_budget",
        ]
        assert found.last().reason == "The daily limit of 1 model calls, of this number"

    def test_the_common_limit_counts_all_numbers_and_cannot_be_raised(self, work):
        make_settings(direct_wait=0, daily_spend_limit="0.01")
        own(daily_spend_limit="100")
        for one in (INSTANCE, SECOND):
            intake.receive([incoming(instance=one)])
            settle(work)
        found = outcomes()
        assert found[INSTANCE][0] == "replied"
        assert found[SECOND] == ("over_budget", "The daily spend limit of 0.01")

    def test_a_limit_of_its_own_costs_no_query_more(self, django_assert_num_queries):
        agent = make_settings(daily_call_limit=9)
        own(daily_call_limit=1)
        chat = make_conversation(is_group=True, instance=SECOND)
        for one in (agent, AgentSettings.of(SECOND)):
            with django_assert_num_queries(2):
                ledger.spent(one, chat)

    @pytest.mark.parametrize("group", ["", GROUP])
    def test_does_not_answer_another_of_our_numbers(self, work, group):
        make_settings(direct_wait=0, group_wait=0, new_group_mode="live")
        said = incoming(
            sender=OTHER, chat=OTHER, group_jid=group, text="Assistant, what now?"
        )
        intake.receive([said])
        settle(work)
        assert outcomes()[INSTANCE] == (
            "filtered",
            "From another of our numbers: second",
        )
        assert not bridge.sent

    def test_what_one_number_says_is_heard_by_the_other(self):
        """In a group of both, the bridge reports it to each; only one said it."""
        fields = {"group_jid": GROUP, "text": "Hello all", "whatsapp_id": "3EB0AA"}
        intake.receive(
            [
                incoming(instance=SECOND, from_me=True, sender=Address(), **fields),
                incoming(sender=OTHER, **fields),
            ]
        )
        said = Message.objects.values_list("conversation__instance", "direction")
        assert set(said) == {(SECOND, "out"), (INSTANCE, "in")}

    def test_answers_people_in_a_group_of_two_of_our_numbers(self, work):
        make_settings(direct_wait=0, group_wait=0, new_group_mode="live")
        intake.receive(
            [incoming(group_jid=GROUP, text="Assistant, hello?", sender=BEN)]
        )
        settle(work)
        assert outcomes()[INSTANCE][0] == "replied"


class TestNumbers:
    def test_are_known_by_either_address(self):
        assert numbers.whose([OTHER.lid], apart_from=INSTANCE) == SECOND
        assert numbers.whose([OTHER.phone_jid], apart_from=INSTANCE) == SECOND

    def test_are_no_other_to_themselves(self):
        assert numbers.whose(OTHER.jids, apart_from=SECOND) == ""
        assert numbers.whose(ANA.jids, apart_from=SECOND) == ""
        assert numbers.whose([], apart_from=SECOND) == ""

    def test_are_asked_for_once_in_a_while(self, monkeypatch):
        numbers.ours()
        monkeypatch.setattr(bridge, "numbers", lambda: pytest.fail("asked again"))
        numbers.ours()


def fill(client: Client) -> dict:
    response = client.get(PAGE)
    assert response.status_code == 200
    form, fields = response.context["form"], {"seen": response.context["seen"]}
    for name, field in form.fields.items():
        value = form.get_initial_for_field(field, name)
        if value is True:
            fields[name] = "on"
        elif value is not None and value is not False:
            fields[name] = value
    return fields


def save(client: Client, fields: dict | None = None, **typed):
    filled = (fields or fill(client)) | typed
    sent = {name: value for name, value in filled.items() if value is not None}
    return client.post(PAGE, sent, follow=True)


class TestPage:
    def test_saved_as_it_is_changes_nothing(self, admin_client):
        save(admin_client)
        assert not SettingsChange.objects.exists()
        assert AgentSettings.load().own_values == {}

    def test_what_is_changed_becomes_its_own(self, admin_client):
        save(admin_client, threshold="0.9")
        assert AgentSettings.load().own_values == {SECOND: {"threshold": 0.9}}
        assert AgentSettings.load().threshold == 0.6

    def test_a_tick_keeps_the_value_whatever_becomes_of_the_common_one(
        self, admin_client
    ):
        save(admin_client, own_threshold="on")
        make_settings(threshold=0.2)
        assert AgentSettings.of(SECOND).threshold == 0.6

    def test_without_the_tick_it_is_the_common_value_again(self, admin_client):
        own(threshold=0.9, bot_name="Zoe")
        save(admin_client, own_threshold=None)
        assert AgentSettings.load().own_values == {SECOND: {"bot_name": "Zoe"}}

    def test_the_last_one_taken_back_leaves_nothing(self, admin_client):
        own(threshold=0.9)
        save(admin_client, own_threshold=None)
        assert AgentSettings.load().own_values == {}

    def test_refuses_what_the_common_page_refuses(self, admin_client):
        response = save(admin_client, threshold="7")
        assert "threshold" in response.context["form"].errors
        assert AgentSettings.load().own_values == {}

    def test_refuses_a_wait_beyond_the_longest(self, admin_client):
        response = save(admin_client, group_wait="500")
        assert "group_wait" in response.context["form"].errors

    def test_a_common_change_meanwhile_is_not_pinned(self, admin_client):
        opened = fill(admin_client)
        url = reverse("admin:conversations_agentsettings_change", args=[1])
        row = AgentSettings.load()
        before = {"threshold": row.threshold}
        row.threshold = 0.3
        history.save(row, before, None)
        save(admin_client, opened, bot_name="Zoe")
        assert AgentSettings.load().own_values == {SECOND: {"bot_name": "Zoe"}}
        assert admin_client.get(url).status_code == 200

    def test_two_who_change_the_same_are_told(self, admin_client):
        opened = fill(admin_client)
        own(threshold=0.8)
        response = save(admin_client, opened, threshold="0.9")
        assert "0.8" in str(response.context["form"].errors["threshold"])
        assert AgentSettings.of(SECOND).threshold == 0.8

    def test_two_who_change_different_ones_keep_both(self, admin_client):
        opened = fill(admin_client)
        own(threshold=0.8)
        save(admin_client, opened, bot_name="Zoe")
        mine = AgentSettings.load().own_values[SECOND]
        assert mine == {"threshold": 0.8, "bot_name": "Zoe"}

    def test_can_be_undone(self, admin_client):
        save(admin_client, threshold="0.9")
        change = SettingsChange.objects.get()
        assert (change.instance, change.before) == (SECOND, {"threshold": COMMON})
        url = reverse("admin:conversations_settingschange_undo", args=[change.pk])
        response = admin_client.post(url, follow=True)
        assert "Undone" in str(list(response.context["messages"])[0])
        assert AgentSettings.load().own_values == {}
        assert "instance=second" in response.redirect_chain[0][0]

    def test_is_not_undone_where_it_was_changed_since(self, admin_client):
        first = own(threshold=0.9)
        own(threshold=0.8)
        url = reverse("admin:conversations_settingschange_undo", args=[first.pk])
        admin_client.post(url)
        assert AgentSettings.of(SECOND).threshold == 0.8

    def test_a_common_change_is_undone_though_an_instance_has_its_own(
        self, admin_client
    ):
        row = AgentSettings.load()
        row.threshold = 0.3
        change = history.save(row, {"threshold": 0.6}, None)
        own(threshold=0.9)
        url = reverse("admin:conversations_settingschange_undo", args=[change.pk])
        admin_client.post(url)
        assert AgentSettings.load().threshold == 0.6

    def test_tells_the_common_value_beside_its_own(self, admin_client):
        own(bot_name="Zoe")
        html = admin_client.get(PAGE).content.decode()
        assert "Common: <bdi>Assistant</bdi>" in " ".join(html.split()).replace(
            "Common:</span>", "Common:"
        )

    def test_switches_between_common_and_instances(self, admin_client):
        url = reverse("admin:conversations_agentsettings_change", args=[1])
        tabs = admin_client.get(url).context["tabs"]
        assert [tab.name for tab in tabs] == ["", SECOND, INSTANCE]
        assert tabs[0].is_current

    def test_one_number_has_no_switcher(self, admin_client):
        bridge.others.clear()
        url = reverse("admin:conversations_agentsettings_change", args=[1])
        response = admin_client.get(url)
        assert response.context["tabs"] == []
        assert "settings-tabs" not in response.content.decode()

    def test_of_nobody_is_not_found(self, admin_client):
        assert admin_client.get(PAGE + "x").status_code == 404
        assert admin_client.post(PAGE + "x", {}).status_code == 404

    def test_of_a_number_that_is_gone_can_still_be_emptied(self, admin_client):
        own("gone", threshold=0.9)
        page = PAGE.replace(SECOND, "gone")
        assert admin_client.get(page).context["is_gone"]

    def test_looks_but_does_not_change_without_the_permission(
        self, client, django_user_model
    ):
        person = django_user_model.objects.create_user("looker", is_staff=True)
        person.user_permissions.set(
            Permission.objects.filter(codename="view_agentsettings")
        )
        client.force_login(person)
        own(bot_name="Zoe")
        response = client.get(PAGE)
        assert "Zoe" in response.content.decode()
        assert "<textarea" not in response.content.decode()
        assert client.post(PAGE, {"threshold": "0.1"}).status_code == 403
        person.user_permissions.clear()
        assert client.get(PAGE).status_code == 403

    def test_stands_in_the_audit_log_with_its_name(self, admin_client):
        save(admin_client, threshold="0.9")
        told = json.loads(LogEntry.objects.get().change_message)
        assert told[0]["changed"]["name"] == SECOND
