import re

import pytest
from django.urls import reverse

from conversations import tasks
from conversations.admin import adoption
from conversations.dispatcher import Dispatcher
from conversations.models import AgentSettings, SettingsChange
from llm.lab import replay as replays
from llm.lab.models import Replay
from llm.models import Label
from tests.factories import make_settings
from tests.llm.lab.test_replay import make_decision

pytestmark = pytest.mark.django_db
MAY_START = ("view_decision", "change_agentsettings")


@pytest.fixture(autouse=True)
def _keep_the_connection(monkeypatch):
    """A test has one, with its transaction open."""
    monkeypatch.setattr(tasks, "close_old_connections", lambda: None)


def form(**changed):
    live = adoption.plain(AgentSettings.load())
    del live["relevance_timeout"]
    return live | {"name": "A try", "size": 10, "budget": "", "seed": 7} | changed


def make_replay(*decisions, state="done", **candidate):
    live = adoption.plain(AgentSettings.load())
    replay = replays.start(
        [one.pk for one in decisions or [make_decision()]],
        name="A try",
        candidate=live | candidate,
        live=live,
    )
    Replay.objects.filter(pk=replay.pk).update(state=state)
    replay.refresh_from_db()
    return replay


def url(name, replay=None):
    return reverse(f"admin:llm_replay_{name}", args=[replay.pk] if replay else [])


def test_tells_what_it_takes_before_it_starts(staff):
    make_decision()

    page = staff(*MAY_START).post(url("new"), form(threshold=0.2))

    assert "1 decisions, 1 calls" in page.content.decode()
    assert 'name="start"' in page.content.decode()
    assert not Replay.objects.exists()


def test_starts_and_is_done_in_the_background(staff):
    make_decision()
    client = staff(*MAY_START)

    client.post(url("new"), form(threshold=0.2, start="1"))
    replay = Replay.objects.get()
    assert (replay.state, replay.candidate["threshold"]) == ("running", 0.2)
    tasks._replay(replay.pk)

    replay.refresh_from_db()
    assert replay.state == "done"
    assert "1 of 1 calls" in client.get(url("change", replay)).content.decode()


def test_the_settings_stay_as_they_are(staff):
    make_decision()
    make_settings(threshold=0.6)
    before = adoption.plain(AgentSettings.load())

    staff(*MAY_START).post(url("new"), form(threshold=0.2, start="1"))

    assert adoption.plain(AgentSettings.load()) == before


def test_a_candidate_that_changes_nothing_is_refused(staff):
    make_decision()

    page = staff(*MAY_START).post(url("new"), form(start="1"))

    assert "Change something" in page.content.decode()
    assert not Replay.objects.exists()


def test_pauses_goes_on_and_cancels(staff):
    replay = make_replay(state="running")
    client = staff(*MAY_START)
    states = []

    for to in ("paused", "running", "cancelled", "running"):
        client.post(url("steer", replay), {"to": to})
        replay.refresh_from_db()
        states.append(replay.state)

    assert states == ["paused", "running", "cancelled", "cancelled"]


def test_flips_are_labelled_blind(staff):
    decision = make_decision(p=0.9, why="a secret reason")
    replay = make_replay(decision, threshold=0.99)
    Replay.objects.update(state="running")
    tasks._replay(replay.pk)
    client = staff("view_decision", "add_label")

    page = client.get(url("label", replay)).content.decode()
    result = re.search(r'name="result" value="(\d+)"', page)[1]
    client.post(url("label", replay), {"result": result, "verdict": "wanted"})

    assert "does anybody know when the hike starts?" in page
    assert "0.9" not in re.sub(r"<head.*?</head>", "", page, flags=re.S)
    assert "a secret reason" not in page
    label = Label.objects.get()
    assert (label.decision, label.verdict, label.origin) == (decision, "wanted", "flip")


def test_is_adopted_and_rolled_back(staff):
    make_settings(threshold=0.6)
    replay = make_replay(threshold=0.2, group_instructions="Only hikes.")
    client = staff(*MAY_START)

    client.post(url("adopt", replay))
    row = AgentSettings.load()
    assert (row.threshold, row.group_instructions) == (0.2, "Only hikes.")
    assert SettingsChange.objects.get().after["threshold"] == 0.2

    client.post(url("rollback", replay))
    row = AgentSettings.load()
    assert (row.threshold, row.group_instructions) == (0.6, "")


def test_is_not_adopted_over_settings_that_moved_on(staff):
    replay = make_replay(threshold=0.2)
    make_settings(threshold=0.5)

    page = staff(*MAY_START).post(url("adopt", replay), follow=True)

    assert "Changed since the replay began" in page.content.decode()
    assert AgentSettings.load().threshold == 0.5


def test_is_not_adopted_before_it_is_done(staff):
    replay = make_replay(state="running", threshold=0.2)

    staff(*MAY_START).post(url("adopt", replay))

    assert AgentSettings.load().threshold != 0.2


@pytest.mark.parametrize(
    ("name", "permissions"),
    [
        ("change", ()),
        ("new", ("view_decision",)),
        ("label", ("view_decision",)),
        ("label", ("add_label",)),
    ],
)
def test_each_page_wants_its_permission(staff, name, permissions):
    replay = make_replay()

    page = staff(*permissions).get(url(name, replay if name != "new" else None))

    assert page.status_code == 403


@pytest.mark.parametrize("name", ["steer", "adopt", "rollback"])
def test_a_viewer_changes_nothing(staff, name):
    replay = make_replay(state="running")

    answer = staff("view_decision").post(url(name, replay), {"to": "cancelled"})

    assert answer.status_code == 403
    replay.refresh_from_db()
    assert replay.state == "running"


@pytest.mark.parametrize("name", ["steer", "adopt", "rollback"])
def test_nothing_changes_on_a_get(staff, name):
    replay = make_replay(state="running")

    assert staff(*MAY_START).get(url(name, replay)).status_code == 405


def test_the_dispatcher_wakes_a_replay_that_nobody_works_on(monkeypatch):
    replay = make_replay(state="running")
    woken = []
    monkeypatch.setattr(
        "conversations.mailbox.enqueue", lambda *task: woken.append(task)
    )

    Dispatcher("one")._look_after()

    assert ("conversations.tasks.replay", replay.pk) in woken


def test_a_fault_pauses_a_replay_instead_of_repeating_it(monkeypatch):
    replay = make_replay(state="running")
    monkeypatch.setattr(replays, "_judge", lambda *_: 1 / 0)

    tasks._replay(replay.pk)

    replay.refresh_from_db()
    assert replay.state == "paused"
    assert "ZeroDivisionError" in replay.why


def test_the_list_asks_the_same_however_long_it_is(
    staff, django_assert_max_num_queries
):
    for _ in range(5):
        make_replay()
    client = staff(*MAY_START)

    with django_assert_max_num_queries(12):
        page = client.get(url("changelist"))

    assert "New replay" in page.content.decode()
