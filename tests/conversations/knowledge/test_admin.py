import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from conversations.knowledge import texts
from conversations.models import KnowledgeText, KnowledgeUse
from tests.conversations.pages import decide, url as conversation_url
from tests.factories import INSTANCE, make_conversation, make_inbound, make_text

pytestmark = pytest.mark.django_db


def url(view: str, *args) -> str:
    return reverse(f"admin:conversations_knowledgetext_{view}", args=args)


def fields(**changed) -> dict:
    return {
        "title": "Hours",
        "body": "From 9.",
        "use": "searched",
        "is_on": "on",
        "instance": "",
        "conversation": "",
        **changed,
    }


def body(text: KnowledgeText) -> str:
    return texts.current(text).body


class TestWriting:
    def test_makes_a_text_with_a_version(self, admin_client, admin_user):
        admin_client.post(url("add"), fields())

        version = KnowledgeText.objects.get(title="Hours").versions.get()
        assert (version.body, version.staff) == ("From 9.", admin_user)

    def test_makes_one_for_a_conversation(self, admin_client):
        conversation = make_conversation()
        admin_client.post(url("add"), fields(conversation=conversation.pk))

        text = KnowledgeText.objects.get()
        assert (text.conversation, text.reach) == (conversation, 2)

    def test_comes_with_the_conversation_that_led_here(self, admin_client):
        conversation = make_conversation()

        page = admin_client.get(f"{url('add')}?conversation={conversation.pk}").text

        assert f'name="conversation" value="{conversation.pk}"' in page

    def test_takes_a_file(self, admin_client):
        file = SimpleUploadedFile("hours.md", "\ufeffFrom 9\r\nto 18.".encode())
        admin_client.post(url("add"), fields(body="", file=file))

        assert body(KnowledgeText.objects.get()) == "From 9\nto 18."

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("hours.pdf", b"From 9", "Only .txt and .md"),
            ("hours.txt", b"\xff\xfe\x00", "not in UTF-8"),
            ("hours.txt", b"a\0b", "It is no text"),
            ("hours.txt", b"x" * 200_001, "At most 200000 characters"),
        ],
    )
    def test_refuses_what_is_no_text(self, admin_client, name, content, told):
        file = SimpleUploadedFile(name, content)

        page = admin_client.post(url("add"), fields(file=file)).text

        assert told in page
        assert not KnowledgeText.objects.exists()

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"body": " \n"}, "It says nothing yet"),
            ({"use": "always", "body": "x" * 4001}, "this has 4001"),
            ({"conversation": "7777"}, "not one of the available"),
            ({"title": ""}, "required"),
        ],
    )
    def test_says_what_is_wrong(self, admin_client, changed, told):
        assert told in admin_client.post(url("add"), fields(**changed)).text
        assert not KnowledgeText.objects.exists()

    def test_does_not_overwrite_what_somebody_wrote_meanwhile(self, admin_client):
        text = make_text("Hours", "From 9.")
        texts.save(text, "From 10.", None)

        page = admin_client.post(
            url("change", text.pk), fields(body="From 11.", seen=1)
        ).text

        assert "has written version 2 since" in page
        assert body(text) == "From 10."
        assert 'name="seen" value="2"' in page

    def test_browsers_line_ends_are_no_change(self, admin_client):
        text = make_text("Hours", "From 9\nto 18.")
        admin_client.post(
            url("change", text.pk), fields(body="From 9\r\nto 18.", seen=1)
        )

        assert text.versions.count() == 1

    def test_is_told_in_the_audit_log(self, admin_client, admin_user):
        text = make_text("Hours", "From 9.")
        admin_client.post(url("change", text.pk), fields(body="From 10.", seen=1))

        entry = LogEntry.objects.latest("pk")
        assert (entry.user, entry.get_change_message()) == (
            admin_user,
            "Changed Text.",
        )

    def test_previews_what_is_typed(self, admin_client):
        page = admin_client.post(url("preview"), {"body": "# A\n\nOne.\n\n# B\n\nTwo."})

        assert "2 passages, the longest of 4 characters" in page.text

    def test_who_may_only_look_reads_it(self, staff):
        text = make_text("Hours", "From <b>9</b>.")

        page = staff("view_knowledgetext").get(url("change", text.pk)).text

        assert "From &lt;b&gt;9&lt;/b&gt;." in page
        assert "knowledge-form" not in page


class TestVersions:
    def test_are_shown_as_differences(self, admin_client):
        text = make_text("Hours", "Monday\nTuesday")
        texts.save(text, "Monday\nFriday", None)

        page = admin_client.get(url("versions", text.pk)).text

        assert '<del dir="auto">Tuesday</del><ins dir="auto">Friday</ins>' in page

    def test_are_restored_with_one_click(self, admin_client, admin_user):
        text = make_text("Hours", "From 9.")
        texts.save(text, "From 10.", None)
        first = text.versions.get(number=1)

        page = admin_client.post(url("restore", first.pk), follow=True).text

        assert "Version 1 restored as 3." in page
        assert "as version 1" in page
        assert body(text) == "From 9."
        assert LogEntry.objects.get(user=admin_user).object_id == str(text.pk)

    def test_cannot_be_restored_where_another_has_the_title_now(self, admin_client):
        text = make_text("Hours", "From 9.")
        text.title = "Opening hours"
        texts.save(text, "From 9.", None)
        make_text("Hours", "Other.")

        page = admin_client.post(
            url("restore", text.versions.get(number=1).pk), follow=True
        ).text

        assert "There is a text of this title already" in page
        assert texts.current(text).number == 2

    def test_show_their_passages(self, admin_client):
        text = make_text("House", "# Pool\n\nWarm.")

        page = admin_client.get(url("version", text.versions.get().pk)).text

        assert 'id="passage-1"' in page
        assert "Warm." in page


class TestTrying:
    def test_shows_what_would_be_found(self, admin_client):
        make_text("House", "# Parking\n\nTen places behind the house.")

        page = admin_client.get(url("try"), {"question": "is there parking?"}).text

        assert "Ten places" in page

    def test_says_that_nothing_would_be(self, admin_client):
        page = admin_client.get(url("try"), {"question": "is there parking?"}).text

        assert "Nothing: no passage" in page

    def test_asks_as_if_in_a_conversation(self, admin_client):
        conversation = make_conversation()
        make_text("House", "Parking is free.", instance=INSTANCE)
        asked = {"question": "is there parking?", "conversation": conversation.pk}

        assert "is free" in admin_client.get(url("try"), asked).text
        del asked["conversation"]
        assert "is free" not in admin_client.get(url("try"), asked).text


class TestChain:
    @pytest.fixture
    def used(self) -> KnowledgeUse:
        message = make_inbound(make_conversation(), outcome="replied")
        decision = decide(message, step="response", outcome="written")
        version = make_text("House", "# Pool\n\nWarm.").versions.get()
        return KnowledgeUse.objects.create(
            decision=decision,
            version=version,
            passage=version.passages.get(),
            title="House",
            number=1,
            part=1,
        )

    def test_links_to_the_passage_of_its_version(self, admin_client, used):
        page = admin_client.get(conversation_url(used.decision.conversation)).text

        link = f"{url('version', used.version_id)}#passage-1"
        assert f'<a href="{link}"><bdi>House</bdi>, version 1, passage 1</a>' in page

    def test_stands_on_the_page_of_the_decision(self, admin_client, used):
        page = reverse("admin:llm_decision_change", args=[used.decision_id])

        assert "version 1, passage 1" in admin_client.get(page).text

    def test_tells_of_what_is_deleted_since(self, admin_client, used):
        KnowledgeText.objects.all().delete()

        page = admin_client.get(conversation_url(used.decision.conversation)).text

        assert "<bdi>House</bdi>, version 1, passage 1 (deleted since)" in page
