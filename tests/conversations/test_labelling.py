from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from conversations.prune import prune
from llm.models import Decision, Label
from tests.conversations.pages import HTMX, url
from tests.factories import (
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
    make_settings,
)
from tests.whatsapp_agent.callers import make_staff
from whatsapp_agent.retention import KINDS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

QUEUE = reverse("admin:label_queue")


@pytest.fixture(autouse=True)
def _no_collected_static_files(settings):
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def group():
    make_contact()
    return make_conversation(is_group=True)


def judge(group, text: str = "When does it start?", p: float = 0.42, **fields):
    message = make_inbound(group, text, outcome="below_threshold", **fields)
    decision = Decision.objects.create(
        conversation=group,
        step="relevance",
        source="model",
        outcome="silent",
        p=p,
        threshold=0.6,
        why="Small talk among friends",
        prompt_version="3",
        provider="openai",
        model="small",
    )
    decision.messages.add(message)
    return decision


def answer(client, verdict: str = "wanted", page=None):
    page = page or client.get(QUEUE)
    ticket = page.context["queue"].ticket
    return client.post(QUEUE, {"ticket": ticket, "verdict": verdict}, follow=True)


class TestQueue:
    def test_shows_the_conversation_blind(self, admin_client, group):
        before = timezone.now() - timedelta(minutes=5)
        make_inbound(group, "Good morning", sent_at=before)
        decision = judge(group)
        make_outbound(group, "At ten o'clock", status="sent", decision=decision)

        response = admin_client.get(QUEUE)

        assert "Good morning" in response.text
        assert "When does it start?" in response.text
        for hidden in (
            *("At ten o", "Small talk among", "0.42", "0.60"),
            *("Below threshold", "Silent"),
        ):
            assert hidden not in response.text

    def test_shows_twenty_messages_before(self, admin_client, group):
        for minutes in range(30, 5, -1):
            moment = timezone.now() - timedelta(minutes=minutes)
            make_inbound(group, f"Said {minutes} ago", sent_at=moment)
        judge(group)

        response = admin_client.get(QUEUE)

        assert "Said 25 ago" in response.text
        assert "Said 26 ago" not in response.text

    def test_stores_an_answer_with_its_chance(self, admin_client, admin_user, group):
        decisions = [judge(group), judge(group)]

        answer(admin_client, "reaction")

        label = Label.objects.get()
        assert label.decision in decisions
        assert (label.verdict, label.origin) == ("reaction", "queue")
        assert (label.rater, label.inclusion) == (admin_user, 0.5)

    def test_an_answer_sent_twice_counts_once(self, admin_client, group):
        judge(group)
        page = admin_client.get(QUEUE)

        answer(admin_client, "wanted", page)
        answer(admin_client, "unwanted", page)

        assert Label.objects.get().verdict == "wanted"

    def test_undo_offers_the_same_once_more(self, admin_client, group):
        for p in range(8):
            judge(group, p=p / 10)
        offered = admin_client.get(QUEUE).context["queue"].offer
        answer(admin_client)

        response = admin_client.post(QUEUE, {"undo": "1"}, follow=True)

        assert not Label.objects.exists()
        assert response.context["queue"].offer == offered

    def test_only_what_was_offered_can_be_answered(self, admin_client, client, group):
        judge(group)
        page = admin_client.get(QUEUE)
        client.force_login(make_staff("operator"))

        answer(client, page=page)
        admin_client.post(QUEUE, {"ticket": "forged", "verdict": "wanted"})

        assert not Label.objects.exists()

    def test_can_be_of_one_group(self, admin_client, group):
        judge(group, p=0.1)
        other = make_conversation(is_group=True, jid="1@g.us", name="Football")
        decision = judge(other)

        response = admin_client.get(QUEUE, {"conversation": other.pk})

        assert response.context["queue"].offer.decision == decision.pk

    def test_hides_reactions_that_came_after(self, admin_client, group):
        message = judge(group).messages.get()
        make_inbound(group, "👎", kind="reaction", quoted_id=message.whatsapp_id)

        assert "👎" not in admin_client.get(QUEUE).text

    def test_says_so_when_there_is_nothing(self, admin_client):
        assert "Nothing to label yet" in admin_client.get(QUEUE).text

    def test_says_so_when_all_is_done(self, admin_client, group):
        judge(group)

        assert "All done" in answer(admin_client).text

    def test_says_so_when_a_group_has_nothing(self, admin_client, group):
        judge(group)
        other = make_conversation(is_group=True, jid="1@g.us", name="Football")

        response = admin_client.get(QUEUE, {"conversation": other.pk})

        assert "Nothing to label here" in response.text

    def test_says_so_when_nothing_can_be_read_any_more(self, admin_client, group):
        judge(group).messages.update(text="", pruned_at=timezone.now())

        assert "Nothing left to read" in admin_client.get(QUEUE).text

    def test_costs_as_many_queries_with_many(
        self, admin_client, group, django_assert_max_num_queries
    ):
        for n in range(60):
            judge(group, p=n / 60)
        for _ in range(3):
            answer(admin_client)

        with django_assert_max_num_queries(24):
            admin_client.get(QUEUE)


class TestCorrections:
    @pytest.fixture
    def press(self, admin_client, group):
        def press(decision, verdict: str, **headers):
            given = {"action": verdict, "message": decision.messages.get().pk}
            return admin_client.post(
                url(group, "correct"), given, headers=headers, follow=True
            )

        return press

    def test_a_thumb_makes_a_case(self, press, group, admin_user):
        decision = judge(group)

        response = press(decision, "wanted")

        label = Label.objects.get()
        assert (label.decision, label.rater) == (decision, admin_user)
        assert (label.verdict, label.origin) == ("wanted", "correction")
        assert label.inclusion is None
        assert "Noted: a reply was wanted." in response.text
        assert 'value="wanted" aria-pressed="true"' in response.text

    def test_can_be_changed(self, press, group):
        decision = judge(group)

        press(decision, "wanted")
        press(decision, "unwanted")

        assert Label.objects.get().verdict == "unwanted"

    def test_the_same_once_more_takes_it_back(self, press, group):
        decision = judge(group)

        press(decision, "wanted")
        press(decision, "wanted")

        assert not Label.objects.exists()

    def test_is_not_of_what_a_rule_settled(self, press, group):
        decision = judge(group)
        Decision.objects.update(source="rule", p=None)

        assert press(decision, "wanted").status_code == 409
        assert not Label.objects.exists()

    def test_answers_a_script_with_the_live_part(self, press, group):
        response = press(judge(group), "unwanted", **HTMX)

        assert "Noted: no reply was wanted." in response.text

    def test_does_not_count_in_the_queue(self, press, admin_client, group):
        press(judge(group), "wanted")

        queue = admin_client.get(QUEUE).context["queue"]
        assert queue.frame.labelled == 0
        assert queue.offer is not None


class TestDrafts:
    @pytest.fixture
    def draft(self, group):
        decision = judge(group)
        written = Decision.objects.create(
            conversation=group, step="response", source="model", outcome="written"
        )
        written.messages.set(decision.messages.all())
        decision.messages.update(outcome="drafted")
        return make_outbound(group, "At ten", status="draft", decision=written)

    @pytest.fixture
    def settle(self, admin_client, group, draft):
        def settle(action: str, **fields):
            given = {"action": action, "message": draft.pk, **fields}
            return admin_client.post(url(group, "steer"), given)

        return settle

    @pytest.mark.parametrize(
        ("action", "fields", "verdict"),
        [
            ("approve", {}, "wanted"),
            ("approve_edited", {"text": "At eleven"}, "wanted"),
            ("discard", {}, "unwanted"),
        ],
    )
    def test_settling_one_makes_a_case(self, settle, action, fields, verdict):
        settle(action, **fields)

        label = Label.objects.get()
        assert (label.verdict, label.origin) == (verdict, "correction")
        assert label.decision.step == "relevance"

    def test_one_that_somebody_asked_for_is_no_case(self, settle):
        Decision.objects.filter(step="relevance").update(source="rule", p=None)

        settle("discard")

        assert not Label.objects.exists()

    def test_one_in_a_direct_chat_is_no_case(self, settle, group):
        group.is_group = False
        group.save()

        settle("approve")

        assert not Label.objects.exists()


def test_labels_and_scores_outlive_texts_and_prompts(admin_user, group):
    old = timezone.now() - timedelta(days=99)
    decision = judge(group, received_at=old, sent_at=old)
    Decision.objects.update(created_at=old, input="prompt", output="answer")
    Label.objects.create(
        decision=decision,
        rater=admin_user,
        verdict="wanted",
        origin="queue",
        inclusion=0.25,
    )
    agent = make_settings(keep_texts=30, keep_prompts=30)

    for kind in KINDS:
        prune(kind, agent)

    decision.refresh_from_db()
    label = decision.labels.get()
    assert (decision.input, decision.messages.get().text) == ("", "")
    assert (decision.p, decision.prompt_version) == (0.42, "3")
    assert (label.verdict, label.inclusion) == ("wanted", 0.25)


def test_a_group_in_shadow_feeds_the_queue_like_any_other(admin_client, group):
    group.mode = "shadow"
    group.save()
    decision = judge(group)

    assert admin_client.get(QUEUE).context["queue"].offer.decision == decision.pk
