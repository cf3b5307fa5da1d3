"""Home tells, in plain words, that the model of step 1 changed its ways."""

import pytest
from django.core.cache import cache

from llm.lab.drift import Alarm, Drift, Sign, Version
from tests.factories import make_conversation
from tests.llm.lab.test_drift import judge, scores
from whatsapp_agent.home import drift

pytestmark = pytest.mark.django_db

HOME = "/admin/"
NANO = Version("v1", "openai", "gpt-5-nano")


@pytest.fixture(autouse=True)
def fresh():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def risen():
    group = make_conversation(is_group=True)
    judge(group, scores(1000), days_ago=20, spread=15)
    judge(group, scores(500, higher=0.15, seed=1), days_ago=1)


@pytest.fixture
def viewer(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("viewer", is_staff=True))
    return client


def test_tells_that_probabilities_have_risen(admin_client, risen):
    page = admin_client.get(HOME).text

    assert "The probabilities by gpt-5-nano-2025-08-07 have risen: " in page


def test_tells_nobody_who_may_not_see_decisions(viewer, risen):
    assert "have risen" not in viewer.get(HOME).text


def test_is_silent_while_nothing_changes(admin_client):
    judge(make_conversation(is_group=True), scores(1000), days_ago=20, spread=19)

    assert "gpt-5-nano-2025-08-07" not in admin_client.get(HOME).text


@pytest.mark.parametrize(
    ("sign", "before", "now", "said"),
    [
        (Sign.SCORES, 0.4, 0.3, "have moved: 30 % on average, 40 % before"),
        (Sign.FAILURES, 0, 0.1, "fails more often: 10 % of its last judgements, 0 %"),
        (Sign.REPLIES, 0.1, 0.2, "wanted in 20 % of the last judgements, in 10 %"),
        (Sign.MODAL, 0.1, 0.5, "says 0.80 in 50 % of its last judgements, in 10 %"),
    ],
)
def test_says_it_in_plain_words(sign, before, now, said):
    assert said in drift.sentence(Alarm(sign, NANO, before, now, value=0.8))


def test_names_the_group(monkeypatch, admin_user):
    group = make_conversation(is_group=True)
    alarm = Alarm(Sign.FAILURES, NANO, 0, 0.1, group.pk)
    found = Drift(None, {}, ())
    monkeypatch.setattr(Drift, "alarms", property(lambda self: [alarm]))
    monkeypatch.setattr(drift, "drift", lambda: found)

    (concern,) = drift.of_drift(admin_user)

    assert concern.text.startswith("Weekend trip: gpt-5-nano fails")
