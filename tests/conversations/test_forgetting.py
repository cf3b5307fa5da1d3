from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from conversations import forgetting, intake
from conversations.models import Contact, Conversation, Forgetting, MediaFile, Message
from conversations.whatsapp import MessageEdited
from llm.models import Decision, Label
from tests.factories import (
    ANA,
    BEN,
    INSTANCE,
    in_group,
    incoming,
    make_contact,
    make_conversation,
    make_inbound,
    make_outbound,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> Contact:
    return make_contact(ANA, "Ana")


def forget(contact: Contact) -> Forgetting:
    wish = forgetting.ask(contact)
    forgetting.work(wish.pk)
    wish.refresh_from_db()
    return wish


def texts() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("text", flat=True))


def test_a_direct_chat_loses_all_its_texts_and_keeps_its_outcomes(ana):
    chat = make_conversation(contact=ana)
    make_inbound(chat, "My secret", sender=ana, outcome="replied", quoted_text="old")
    make_outbound(chat, "Your secret is safe", status="sent", quoted_text="My secret")

    wish = forget(ana)

    assert texts() == ["", ""]
    assert not Message.objects.exclude(quoted_text="").exists()
    assert Message.objects.inbound().get().outcome == "replied"
    assert (wish.texts, bool(wish.done_at)) == (2, True)


def test_in_a_group_others_keep_what_they_said_but_not_what_they_quoted(ana):
    ben = make_contact(BEN, "Ben")
    group = make_conversation(is_group=True)
    make_inbound(group, "My secret", sender=ana, whatsapp_id="IN1")
    make_inbound(group, "Really?", sender=ben, quoted_id="IN1", quoted_text="My secret")
    make_outbound(group, "Indeed.", quoted_id="IN1", quoted_text="My secret")

    forget(ana)

    assert texts() == ["", "Really?", "Indeed."]
    assert not Message.objects.exclude(quoted_text="").exists()


def test_prompts_that_repeat_it_go_and_scores_and_labels_stay(ana, admin_user):
    group = make_conversation(is_group=True)
    make_inbound(group, "My secret", sender=ana)
    decision = Decision.objects.create(
        conversation=group,
        step="relevance",
        source="model",
        p=0.4,
        why="she tells a secret",
        input="My secret",
        output="{}",
    )
    Label.objects.create(decision=decision, rater=admin_user, verdict="wanted")

    wish = forget(ana)

    decision.refresh_from_db()
    assert (decision.input, decision.output, decision.why) == ("", "", "")
    assert (decision.p, decision.labels.count(), wish.prompts) == (0.4, 1, 1)


def test_other_chats_keep_everything(ana):
    ben = make_contact(BEN, "Ben")
    chat = make_conversation(contact=ben)
    make_inbound(chat, "Hello", sender=ben)
    Decision.objects.create(
        conversation=chat, step="response", source="model", input="Hello"
    )

    forget(ana)

    assert (texts(), Decision.objects.get().input) == (["Hello"], "Hello")


def test_names_go_and_what_they_may_do_stays(ana, admin_user, admin_client):
    Contact.objects.update(access="blocked")
    chat = make_conversation(contact=ana, name="Ana's chat")
    LogEntry.objects.log_actions(admin_user.pk, [ana], 2, "x", single_object=True)

    forget(ana)

    ana.refresh_from_db()
    chat.refresh_from_db()
    assert (ana.name, ana.access, ana.phone_jid) == ("", "blocked", ANA.phone_jid)
    assert chat.name == ""
    assert not LogEntry.objects.filter(object_repr__contains="Ana").exists()


def test_files_go(ana):
    message = make_inbound(make_conversation(contact=ana), sender=ana, kind="image")
    MediaFile.objects.create(
        message=message,
        file=ContentFile(b"picture", "a.png"),
        name="me.png",
        state=MediaFile.State.STORED,
    )

    forget(ana)

    file = MediaFile.objects.get()
    assert (file.state, file.name, bool(file.file)) == ("gone", "", False)


def test_what_waits_is_neither_answered_nor_sent(ana):
    chat = make_conversation(contact=ana)
    make_inbound(chat, "My secret", sender=ana)
    make_outbound(chat, "Your secret", status="queued")

    forget(ana)

    assert Message.objects.inbound().get().outcome == "filtered"
    assert Message.objects.get(direction="out").status == "dropped"


def test_what_is_just_being_sent_goes_later(ana):
    chat = make_conversation(contact=ana)
    reply = make_outbound(chat, "Your secret", status="sending")

    wish = forget(ana)
    assert (wish.done_at, texts()) == (None, ["Your secret"])
    Message.objects.filter(pk=reply.pk).update(status="sent")
    Forgetting.objects.update(due_at=timezone.now())
    assert forgetting.due() == [wish.pk]
    forgetting.work(wish.pk)

    wish.refresh_from_db()
    assert (bool(wish.done_at), texts()) == (True, [""])


def test_does_not_come_back(ana):
    chat = make_conversation(contact=ana)
    make_inbound(chat, "My secret", sender=ana, whatsapp_id="IN1", outcome="replied")
    forget(ana)

    intake.receive([MessageEdited(INSTANCE, "IN1", "My secret!")])
    intake.receive([incoming("My secret", whatsapp_id="IN1")])

    assert texts() == [""]


def test_is_taken_up_by_one_worker(ana):
    make_inbound(make_conversation(contact=ana), "My secret", sender=ana)
    wish = forgetting.ask(ana)
    Forgetting.objects.update(due_at=timezone.now() + timedelta(minutes=5))

    forgetting.work(wish.pk)

    assert (texts(), forgetting.due()) == (["My secret"], [])


def test_walks_through_long_chats(ana, monkeypatch):
    monkeypatch.setattr(forgetting, "WINDOW", 3)
    chat, now = make_conversation(contact=ana), timezone.now()
    for _ in range(10):
        make_inbound(chat, "My secret", sender=ana, sent_at=now, outcome="replied")

    assert forget(ana).texts == 10


class TestPage:
    @pytest.fixture
    def url(self, ana) -> str:
        return reverse("admin:conversations_contact_forget", args=[ana.pk])

    def test_asks_first(self, admin_client, ana, url):
        make_inbound(make_conversation(contact=ana), "My secret", sender=ana)

        page = admin_client.get(url)

        assert "1 message of this person is known here" in page.text
        assert not Forgetting.objects.exists()

    def test_begins(self, admin_client, admin_user, ana, url):
        page = admin_client.post(url, follow=True)

        assert Forgetting.objects.get().staff == admin_user
        assert "Being forgotten" in page.text

    def test_tells_how_it_went(self, admin_client, ana):
        forget(ana)

        change = reverse("admin:conversations_contact_change", args=[ana.pk])
        assert "0 messages and 0 prompts lost" in admin_client.get(change).text

    def test_is_for_admins(self, staff, url):
        assert staff("operator").post(url).status_code == 403
        assert not Forgetting.objects.exists()


def test_the_command_line_forgets_too(ana, capsys):
    make_inbound(make_conversation(contact=ana), "My secret", sender=ana)

    call_command("forget", ANA.phone_jid.partition("@")[0], "--yes")

    assert texts() == [""]
    assert "1 messages" in capsys.readouterr().out


def test_the_command_line_knows_whom_it_knows():
    with pytest.raises(CommandError, match="Nobody"):
        call_command("forget", "+1", "--yes")


def test_a_group_is_found_by_who_spoke_in_it(ana):
    intake.receive([in_group("My secret")])
    group = Conversation.objects.get()
    speaker = Message.objects.get().sender

    assert list(forgetting.conversations(speaker)) == [group]
