import random
import re

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations import thresholds
from conversations.models import AgentSettings, SettingsChange, ThresholdChange
from conversations.thresholds import NotApplied
from llm.lab.drift import Alarm, Comparison, Drift, Sign, Version
from llm.models import Label
from tests.browser.evidence import label, make_group, seed
from tests.factories import INSTANCE, make_inbound, make_settings
from whatsapp_agent.lab import drifting
from whatsapp_agent.lab.rules import rules

pytestmark = pytest.mark.django_db

LAB = reverse("admin:lab")
APPLY = reverse("admin:lab_apply")
HOSTILE = "<script>alert(1)</script>\u202e\"'"


@pytest.fixture(autouse=True)
def _fresh(settings, roles):
    settings.WHITENOISE_AUTOREFRESH = True
    cache.clear()


def client(role: str = "admin") -> Client:
    person = User.objects.create_user(role, is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    signed_in = Client()
    signed_in.force_login(person)
    return signed_in


def text(response) -> str:
    html = re.sub(
        r"<(script|style).*?</\1>", " ", response.content.decode(), flags=re.S
    )
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


class TestPage:
    def test_says_so_when_nothing_was_judged(self):
        assert "No scores yet" in text(client().get(LAB))

    def test_without_labels_nothing_is_recommended(self):
        seed(labels=0)

        shown = text(client().get(LAB))

        assert "Nobody has said yet" in shown
        assert "About 50 more labels are needed" in shown
        assert "Apply the recommendation" not in shown

    def test_with_labels_says_what_a_move_would_change(self):
        make_settings(threshold=0.1)
        seed(labels=200)

        shown = text(client().get(LAB))

        assert re.search(
            r"Moving 0.10 → 0.\d0 would send about .* fewer replies", shown
        )
        assert "Apply the recommendation" in shown

    def test_few_decisions_have_numbers_and_no_curves(self):
        seed(decisions=20, labels=5)

        response = client().get(LAB)

        assert "Too few for curves" in text(response)
        assert b"lab-chart" not in response.content

    def test_versions_are_never_pooled(self):
        seed(decisions=40, labels=0)
        seed(decisions=50, labels=0, model="gpt-6")

        found = client().get(LAB)

        assert found.context["found"].total in (40, 50)
        assert len(found.context["state"].versions) == 2
        other = found.context["state"].versions[1].key
        assert {
            found.context["found"].total,
            client("viewer").get(f"{LAB}?version={other}").context["found"].total,
        } == {40, 50}

    def test_a_group_has_its_own_threshold_and_decisions(self):
        group = make_group("Choir", threshold=0.35)
        seed(group, decisions=40)
        seed(decisions=70)

        found = client().get(f"{LAB}?group={group.pk}").context["found"]

        assert (found.total, found.threshold) == (40, 0.35)

    def test_every_chart_has_a_table(self):
        seed()

        html = client().get(LAB).content.decode()

        assert html.count('class="wa-chart lab-chart"') == 6
        assert html.count("The same as a table") == 6
        ids = re.findall(r'\bid="([^"]+)"', html)
        assert len(ids) == len(set(ids))

    def test_a_threshold_is_tried_without_javascript(self):
        seed()
        staff = client()

        low = staff.get(f"{LAB}?t=0.1").context["at"]
        high = staff.get(f"{LAB}?t=0.9").context["at"]

        assert float(low["replies"]) > float(high["replies"])

    def test_prices_move_the_recommendation(self):
        seed(labels=300)
        staff = client()

        eager = staff.get(f"{LAB}?rate=5").context["found"].recommended
        shy = staff.get(f"{LAB}?rate=1/5").context["found"].recommended

        assert eager < shy

    def test_a_correction_is_a_case_and_no_label(self):
        made = seed(labels=0)
        Label.objects.create(decision=made[-1], verdict="unwanted", origin="correction")

        found = client().get(LAB).context

        assert found["found"].labelled == 0
        assert [case.row.decision.pk for case in found["cases"][2].cases] == [
            made[-1].pk
        ]

    def test_a_strangers_text_is_only_text(self):
        group = make_group(HOSTILE)
        made = seed(group, decisions=40, why=HOSTILE, model="<b>m</b>", labels=0)
        made[-1].messages.set([make_inbound(group, HOSTILE)])
        Label.objects.create(decision=made[-1], verdict="wanted", origin="correction")
        staff = client()

        for url in (LAB, f"{LAB}?group={group.pk}", f"{APPLY}?to={group.pk}:0.1"):
            html = staff.get(url).content.decode()
            assert "<script>alert" not in html
            assert "<b>m</b>" not in html
            assert "&lt;script&gt;alert" in html

    @pytest.mark.parametrize(
        "query",
        ["days=x", "rate=9", "t=nan", "t=2", "version=zz", "to=1:inf", "t=1e400"],
    )
    def test_nonsense_is_as_if_it_were_not_there(self, query):
        seed(decisions=40)

        assert client().get(f"{LAB}?{query}").status_code == 200

    @pytest.mark.parametrize("group", ["9", "x", "9" * 30, "-1"])
    def test_a_group_that_is_not_there_is_not_found(self, group):
        assert client().get(f"{LAB}?group={group}").status_code == 404

    def test_queries_do_not_grow_with_the_groups(self):
        staff = client()
        seed()
        few = self.queries(staff)
        for name in ("Choir", "Chess", "Chicken keepers"):
            seed(make_group(name), decisions=100, labels=40)

        assert self.queries(staff) <= few + 1

    def queries(self, staff: Client) -> int:
        staff.get(LAB)
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            staff.get(LAB)
        return len(queries)


class TestApplying:
    def apply(self, staff: Client, group, to: float, seen: str = "", **more: str):
        data = {"to": f"{group.pk}:{to}", f"seen-{group.pk}": seen, **more}
        return staff.post(APPLY, data, follow=True)

    def test_shows_first_what_would_have_gone_the_other_way(self):
        group = make_group("Choir")
        made = seed(group)
        between = sum(0.4 <= one.p < 0.6 for one in made)

        response = client().get(f"{APPLY}?to={group.pk}:0.4")

        (flip,) = response.context["flips"]
        assert (flip.more, flip.fewer) == (between, 0)
        assert len(flip.rows) == 10
        assert group.__class__.objects.get(pk=group.pk).threshold is None

    def test_applies_to_one_group_with_its_reason_and_undoes(self):
        group, other = make_group("Choir"), make_group("Chess")
        staff = client()

        self.apply(staff, group, 0.4, why="The labels say so")

        group.refresh_from_db()
        other.refresh_from_db()
        assert (group.threshold, other.threshold) == (0.4, None)
        change = ThresholdChange.objects.get()
        assert change.why == "The labels say so"
        assert "0.40" in text(staff.get(LAB))

        staff.post(reverse("admin:lab_undo", args=[change.pk]))

        group.refresh_from_db()
        assert group.threshold is None
        assert ThresholdChange.objects.latest("pk").undoes == change

    def test_the_common_one_is_told_in_the_history_of_the_settings(self):
        make_settings(threshold=0.6)

        client().post(APPLY, {"to": "all:0.8", "seen-all": "0.6"})

        assert AgentSettings.load().threshold == 0.8
        assert SettingsChange.objects.get().after == {"threshold": 0.8}

    def test_what_was_changed_meanwhile_is_shown_and_kept(self):
        group = make_group("Choir", threshold=0.5)

        response = self.apply(client(), group, 0.4, seen="")

        assert response.status_code == 409
        assert "Somebody else changed it meanwhile" in text(response)
        group.refresh_from_db()
        assert group.threshold == 0.5

    def test_all_are_applied_or_none(self):
        one, two = make_group("Choir"), make_group("Chess", threshold=0.5)
        wanted = {str(one.pk): 0.4, str(two.pk): 0.4}

        with pytest.raises(NotApplied):
            thresholds.apply(wanted, dict.fromkeys(wanted), None)

        one.refresh_from_db()
        assert one.threshold is None

    def test_what_was_changed_since_is_not_undone(self):
        group = make_group("Choir")
        staff = client()
        self.apply(staff, group, 0.4)
        group.__class__.objects.filter(pk=group.pk).update(threshold=0.9)

        undo = reverse("admin:lab_undo", args=[ThresholdChange.objects.get().pk])
        response = staff.post(undo, follow=True)

        assert "Somebody else changed it meanwhile" in text(response)
        group.refresh_from_db()
        assert group.threshold == 0.9

    @pytest.mark.parametrize("role", ["viewer", "operator"])
    def test_is_for_those_who_may_change_thresholds(self, role):
        group = make_group("Choir")
        staff = client(role)

        assert staff.get(LAB).status_code == 200
        assert self.apply(staff, group, 0.4).status_code == 403
        group.refresh_from_db()
        assert group.threshold is None

    def test_a_group_in_shadow_may_be_told_to_draft_but_is_left_as_it_is(self):
        group = make_group("Choir", mode="shadow")
        seed(group, decisions=800, labels=400, mildness=1.2)

        found = client().get(f"{LAB}?group={group.pk}&rate=1/5").context

        assert found["mode"]
        group.refresh_from_db()
        assert group.mode == "shadow"


class TestRules:
    def test_are_weighed_as_the_labels_are(self):
        group = make_group("Elm Road Allotments")
        made = seed(group, labels=0, decisions=70, p=0.5)  # the last 60 have texts
        said = [("When?", True), ("When, please?", False), ("Then.", True)]
        for decision, (words, is_wanted) in zip(made, said, strict=False):
            decision.messages.add(make_inbound(group, text=words))
            label([decision], random.Random(1), mildness=9 if is_wanted else 0)

        found = client().get(LAB).context["found"]
        first = rules(found)[0]

        assert str(first.name) == "A question mark"
        assert (first.recall, first.precision) == pytest.approx((0.5, 0.5))

    def test_stand_in_the_table_behind_the_curve(self):
        group = make_group("Elm Road Allotments")
        for decision in seed(group):
            decision.messages.add(make_inbound(group, text="Who? Me?"))

        assert "A question mark or word 100 %" in text(client().get(LAB))

    def test_say_nothing_of_texts_that_are_gone(self):
        group = make_group("Elm Road Allotments")
        decision = seed(group, labels=0, decisions=70)[0]
        decision.messages.add(make_inbound(group, text="", pruned_at=timezone.now()))
        label([decision], random.Random(1), mildness=9)

        assert rules(client().get(LAB).context["found"]) == []


def test_a_group_whose_scores_moved_is_marked_and_its_badge_doubted(monkeypatch):
    group = make_group("Elm Road Allotments")
    seed(group, labels=200)
    version = Version("1", "openai", "gpt-5-nano")
    moved = Alarm(Sign.SCORES, version, 0.4, 0.3, group.pk)
    compared = Comparison(version, 300, 2000, None, None, (moved,))
    found = Drift(None, {group.pk: compared}, ())
    monkeypatch.setattr(drifting, "drift", lambda: found)

    page = client().get(LAB).content.decode()
    of_group = client("operator").get(f"{LAB}?group={group.pk}")

    assert re.search(r'Elm Road Allotments</bdi></a> <span class="wa-chip warn"', page)
    assert "the scores have moved since" in text(of_group)


class TestNumbers:
    """Several numbers: each may have a threshold of its own over the common one."""

    @pytest.fixture(autouse=True)
    def _second(self):
        make_settings(
            threshold=0.6, own_values={"second": {"bot_name": "Zoe"}, INSTANCE: {}}
        )

    def test_shows_the_decisions_of_one_alone(self):
        seed(decisions=400)
        made = seed(make_group("Chess", instance="second"), decisions=100, labels=60)

        response = client().get(f"{LAB}?number=second")

        found = response.context["found"]
        assert (found.total, found.labelled) == (100, 60)
        assert [row.name for row in response.context["groups"]] == ["Chess"]
        told = {
            int(case.row.pk) for row in response.context["cases"] for case in row.cases
        }
        assert told <= {one.pk for one in made}
        assert told
        assert "Groups of second" in text(response)
        assert "0.60 the common one" in text(response)

    def test_is_weighed_by_the_threshold_of_its_own(self):
        make_settings(own_values={"second": {"threshold": 0.9}})
        seed(make_group("Chess", instance="second"))

        response = client().get(f"{LAB}?number=second")

        assert response.context["found"].threshold == 0.9
        assert "the common one" not in text(response)

    def test_a_number_that_is_not_there_is_as_if_it_were_not_asked_for(self):
        seed()

        assert client().get(f"{LAB}?number=ninth").context["state"].is_all

    def test_applies_to_one_number_and_undoes(self):
        staff = client()

        staff.post(APPLY, {"to": "@second:0.8", "seen-@second": "", "why": "So it is"})

        agent = AgentSettings.load()
        assert (agent.laid_over("second").threshold, agent.threshold) == (0.8, 0.6)
        told = SettingsChange.objects.get()
        assert (told.instance, told.after) == ("second", {"threshold": 0.8})
        change = ThresholdChange.objects.get()
        shown = text(staff.get(LAB))
        assert "All of second without a threshold of their own" in shown
        assert "the common one to 0.80" in shown.replace("→ ", "")

        staff.post(reverse("admin:lab_undo", args=[change.pk]))

        assert AgentSettings.load().own_values["second"] == {"bot_name": "Zoe"}

    def test_refuses_what_was_changed_meanwhile(self):
        make_settings(own_values={"second": {"threshold": 0.9}})

        response = client().post(APPLY, {"to": "@second:0.8", "seen-@second": ""})

        assert response.status_code == 409
        assert "of second" in text(response)
        assert AgentSettings.load().laid_over("second").threshold == 0.9

    def test_previews_only_where_it_would_be_in_force(self):
        seed(decisions=50)
        seed(make_group("Choir", instance="second", threshold=0.3), decisions=50)
        made = seed(make_group("Chess", instance="second"), decisions=100)
        between = {one.pk for one in made if 0.4 <= one.p < 0.6}

        response = client().get(f"{APPLY}?to=@second:0.4")

        (flip,) = response.context["flips"]
        assert flip.more == len(between)
        assert {int(row.pk) for row in flip.rows} <= between

    def test_the_common_one_does_not_reach_a_number_with_its_own(self):
        make_settings(own_values={"second": {"threshold": 0.9}})
        made = seed(decisions=100)
        seed(make_group("Chess", instance="second"), decisions=100)
        between = {one.pk for one in made if 0.4 <= one.p < 0.6}

        (flip,) = client().get(f"{APPLY}?to=all:0.4").context["flips"]

        assert flip.more == len(between)
        assert {int(row.pk) for row in flip.rows} <= between

    def test_is_for_those_who_may_change_the_settings(self):
        response = client("operator").post(APPLY, {"to": "@second:0.8"})

        assert response.status_code == 403

    def test_makes_as_many_queries_with_many_groups(self):
        staff = client()
        counts = []
        for name in ("Choir", "Chess", "Chicken keepers"):
            seed(make_group(name, instance="second"), decisions=60, labels=30)
            cache.clear()
            staff.get(f"{LAB}?number=second")
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                staff.get(f"{LAB}?number=second")
            counts.append(len(queries))

        assert max(counts) <= counts[0] + 1
