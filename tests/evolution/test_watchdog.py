"""A bridge that claims to be open and reports nothing is noticed, mended and told of."""

import smtplib
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from conversations.models import Worker
from conversations.whatsapp import BridgeError
from evolution import alerts, instances, watchdog
from evolution.models import Instance, MissedSearch, Silence

pytestmark = pytest.mark.django_db

WRONG = ["It goes to http://elsewhere, not to us."]


@pytest.fixture(autouse=True)
def _up_for_long():
    now = timezone.now()
    Worker.objects.create(slot="here", started_at=now - timedelta(hours=9), seen_at=now)


@pytest.fixture
def row():
    now = timezone.now()
    return Instance.objects.create(
        name="wa1",
        state="open",
        state_at=now - timedelta(hours=5),
        webhook_at=now - timedelta(hours=1),
    )


@pytest.fixture
def bridge(monkeypatch):
    """What the bridge was told to do; set `problems` or `error`."""

    class Bridge(list):
        problems: list[str] = []
        error: BridgeError | None = None

        def do(self, what):
            def done(name):
                self.append(what)
                if self.error:
                    raise self.error
                return self.problems if what == "check" else None

            return done

    bridge = Bridge()
    monkeypatch.setattr(instances, "webhook_problems", bridge.do("check"))
    monkeypatch.setattr(instances, "register_webhook", bridge.do("register"))
    monkeypatch.setattr(instances, "restart", bridge.do("restart"))
    return bridge


@pytest.fixture
def mailing(settings):
    settings.EMAIL_HOST = "mail.test"
    settings.STAFF_EMAILS = ["sam@example.org", "kim@example.org"]
    settings.SITE_URL = "https://agent.example.org"


def ago(minutes: float):
    return timezone.now() - timedelta(minutes=minutes)


def find(row, count: int) -> None:
    now = timezone.now()
    span = {"since": now, "until": now, "position": now, "finished_at": now}
    MissedSearch.objects.create(instance=row, found=count, **span)


def look(row, newest=None, missed=None) -> Silence | None:
    watchdog.look(row, newest, missed)
    return Silence.objects.order_by("pk").last()


class TestNoticing:
    def test_messages_in_the_record_after_the_last_webhook_are_a_silence(
        self, row, bridge
    ):
        find(row, 2)
        find(row, 1)

        silence = look(row, ago(20), ago(20))

        assert (silence.began_at, silence.missed) == (row.webhook_at, 3)

    @pytest.mark.parametrize(
        ("newest", "webhook_at"),
        [
            pytest.param(None, 600, id="a quiet night"),
            pytest.param(70, 60, id="nothing since the last webhook"),
            pytest.param(59, 60, id="hardly later than the last webhook"),
            pytest.param(5, 8, id="heard of a moment ago"),
        ],
    )
    def test_is_no_silence(self, row, bridge, newest, webhook_at):
        Instance.objects.update(webhook_at=ago(webhook_at))

        assert look(row, newest and ago(newest)) is None
        assert bridge == []

    def test_what_came_while_we_were_away_is_no_silence(self, row, bridge):
        Worker.objects.update(started_at=ago(10))

        assert look(row, ago(20), ago(20)) is None

    def test_what_came_before_the_phone_was_connected_is_no_silence(self, row, bridge):
        Instance.objects.update(state_at=ago(15))

        assert look(row, ago(20)) is None

    def test_missing_messages_with_a_wrong_webhook_are_one_whatever_else_is_heard(
        self, row, bridge
    ):
        Instance.objects.update(webhook_at=ago(1))
        bridge.problems = WRONG

        assert look(row, ago(20), ago(20))
        assert bridge == ["check", "register"]

    def test_missing_messages_with_a_right_webhook_are_none_while_others_come(
        self, row, bridge
    ):
        Instance.objects.update(webhook_at=ago(1))

        assert look(row, ago(20), ago(20)) is None

    def test_one_silence_is_one_row(self, row, bridge):
        find(row, 2)
        look(row, ago(20), ago(20))
        find(row, 1)
        silence = look(row, ago(3), ago(3))

        assert (Silence.objects.count(), silence.missed) == (1, 3)


class TestMending:
    def test_registers_a_wrong_webhook_anew(self, row, bridge):
        bridge.problems = WRONG

        silence = look(row, ago(20))

        assert bridge == ["check", "register"]
        assert "Registered the webhook anew: It goes to http://els" in silence.steps

    def test_restarts_where_the_webhook_is_right(self, row, bridge):
        silence = look(row, ago(20))

        assert bridge == ["check", "restart"]
        assert "Restarted the instance." in silence.steps

    def test_restarts_once_an_hour_at_the_most(self, row, bridge):
        silence = look(row, ago(20))
        look(row, ago(20))
        assert bridge.count("restart") == 1
        Silence.objects.update(restarted_at=ago(61), ended_at=None)

        look(row, ago(20))

        assert bridge.count("restart") == 2
        silence.refresh_from_db()
        assert silence.steps.count("Restarted") == 2

    def test_a_new_silence_does_not_restart_sooner(self, row, bridge):
        look(row, ago(20))
        Silence.objects.update(ended_at=timezone.now())

        look(row, ago(20))

        assert Silence.objects.count() == 2
        assert bridge.count("restart") == 1

    def test_keeps_why_that_failed(self, row, bridge):
        bridge.error = BridgeError("It is not connected.", kind="not_connected")

        silence = look(row, ago(20))

        assert "That failed: It is not connected." in silence.steps

    def test_is_over_with_the_next_webhook(self, row, bridge):
        look(row, ago(20))
        assert look(row).ended_at is None

        Instance.objects.update(webhook_at=timezone.now())

        assert look(row, ago(20)).ended_at


class TestTelling:
    def test_tells_staff_once_when_it_begins_and_once_when_it_is_over(
        self, row, bridge, mailing
    ):
        for _ in range(3):
            look(row, ago(20), ago(20))
        assert [one.subject for one in mail.outbox] == ["WhatsApp is silent: wa1"]

        Instance.objects.update(webhook_at=timezone.now())
        for _ in range(3):
            look(row)

        assert [one.subject for one in mail.outbox] == [
            "WhatsApp is silent: wa1",
            "WhatsApp is heard again: wa1",
        ]

    def test_says_what_happened_what_was_done_and_where_to_look(
        self, row, bridge, mailing
    ):
        find(row, 2)

        look(row, ago(20), ago(20))

        sent = mail.outbox[0]
        assert sent.to == ["sam@example.org", "kim@example.org"]
        assert "Messages that were missed: 2" in sent.body
        assert "Restarted the instance." in sent.body
        page = f"https://agent.example.org/admin/evolution/instance/{row.pk}/change/"
        assert page in sent.body

    def test_a_name_cannot_forge_a_header(self, row, bridge, mailing):
        Instance.objects.update(name="a\nBcc: eve@example.org")
        row.refresh_from_db()

        look(row, ago(20))

        assert mail.outbox[0].subject.endswith("a Bcc: eve@example.org")

    @pytest.mark.parametrize("missing", ["EMAIL_HOST", "STAFF_EMAILS"])
    def test_tells_nobody_where_none_is_configured(
        self, row, bridge, mailing, settings, missing
    ):
        setattr(settings, missing, "")

        assert look(row, ago(20)).told_at is None
        assert mail.outbox == []

    @pytest.mark.parametrize(
        "error", [ConnectionRefusedError(), smtplib.SMTPAuthenticationError(535, b"no")]
    )
    def test_tries_again_where_the_mail_did_not_leave(
        self, row, bridge, mailing, monkeypatch, error
    ):
        def fail(*args):
            raise error

        with monkeypatch.context() as failing:
            failing.setattr(alerts, "send_mail", fail)
            assert look(row, ago(20)).told_at is None

        assert look(row, ago(20)).told_at
        assert len(mail.outbox) == 1
