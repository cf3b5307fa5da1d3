"""The lists of the task queue."""

from uuid import uuid4

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Task
from django_q.signing import SignedPackage

pytestmark = pytest.mark.django_db

QUEUED = "/admin/django_q/ormq/"
FAILED = "/admin/django_q/failure/"
DONE = "/admin/django_q/success/"


def make_task(**fields) -> Task:
    now = timezone.now()
    defaults = {
        "id": uuid4().hex,
        "name": "process-17",
        "func": "conversations.tasks.process",
        "args": (17,),
        "kwargs": {},
        "started": now,
        "stopped": now,
        "success": False,
        "result": "Traceback: boom",
    }
    return Task.objects.create(**defaults | fields)


def queue(**task) -> OrmQ:
    task = {"id": uuid4().hex, "func": "conversations.tasks.process", **task}
    payload = SignedPackage.dumps(task)
    return OrmQ.objects.create(key="agent", payload=payload, lock=timezone.now())


def test_failures_tell_what_went_wrong(admin_client):
    task = make_task()

    text = admin_client.get(f"{FAILED}{task.pk}/change/").text

    assert "Traceback: boom" in text
    assert "conversations.tasks.process" in text


def test_failures_say_that_nothing_has_to_be_done(admin_client):
    assert "None has to be tried again by hand" in admin_client.get(FAILED).text


def test_a_failure_can_be_tried_again(admin_client):
    task = make_task()

    admin_client.post(FAILED, {"action": "try_again", "_selected_action": task.pk})

    (queued,) = OrmQ.objects.all()
    assert (queued.func(), queued.args()) == ("conversations.tasks.process", (17,))
    assert not Task.objects.exists()


def test_lists_keep_failures_and_successes_apart(admin_client):
    make_task(name="bad-1")
    make_task(name="good-1", success=True, result=None)

    assert "good-1" not in admin_client.get(FAILED).text
    assert "bad-1" not in admin_client.get(DONE).text


def test_lists_do_not_load_results(admin_client, django_assert_num_queries):
    make_task(result="x" * 100_000)

    with django_assert_num_queries(5) as queries:
        admin_client.get(FAILED)

    assert not any('"result"' in query["sql"] for query in queries.captured_queries)


def test_the_queue_tells_what_waits(admin_client):
    queue(name="process-17", args=(17,))

    text = admin_client.get(QUEUED).text

    assert "process-17" in text
    assert "17" in text


def test_the_queue_shows_what_it_cannot_read(admin_client):
    OrmQ.objects.create(key="agent", payload="broken", lock=timezone.now())

    assert "*BadSignature" in admin_client.get(QUEUED).text


@pytest.mark.parametrize("address", [QUEUED, FAILED, DONE])
def test_costs_as_many_queries_with_many_rows_as_with_one(
    admin_client, django_assert_num_queries, address
):
    _make_each()
    with django_assert_num_queries(5):
        admin_client.get(address)
    for _ in range(30):
        _make_each()

    with django_assert_num_queries(5):
        admin_client.get(address)


def _make_each() -> None:
    queue()
    make_task()
    make_task(success=True)
