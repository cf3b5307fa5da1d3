import pytest
from django.core.exceptions import ValidationError

from conversations.knowledge import texts
from conversations.models import KnowledgeText, KnowledgeVersion
from tests.factories import INSTANCE, make_conversation, make_text

pytestmark = pytest.mark.django_db

ALWAYS = KnowledgeText.Use.ALWAYS


def said(text: KnowledgeText) -> list[tuple[int, str]]:
    return list(text.versions.order_by("number").values_list("number", "body"))


def test_each_change_is_a_version():
    text = make_text("Hours", "From 9.")
    texts.save(text, "From 10.", None)

    assert said(text) == [(1, "From 9."), (2, "From 10.")]


def test_nothing_changed_is_no_version():
    text = make_text("Hours", "From 9.")

    assert texts.save(text, "From 9.", None) is None
    assert len(said(text)) == 1


def test_another_title_is_a_version():
    text = make_text("Hours", "From 9.")
    text.title = "Opening hours"
    texts.save(text, "From 9.", None)

    assert [one.title for one in text.versions.order_by("number")] == [
        "Hours",
        "Opening hours",
    ]


def test_restoring_is_a_new_version_and_leaves_the_old_ones(admin_user):
    text = make_text("Hours", "From 9.")
    texts.save(text, "From 10.", None)
    first = text.versions.get(number=1)

    restored = texts.restore(KnowledgeVersion.objects.get(pk=first.pk), admin_user)

    assert said(text) == [(1, "From 9."), (2, "From 10."), (3, "From 9.")]
    assert (restored.restores, restored.staff) == (first, admin_user)


def test_restoring_what_it_says_already_does_nothing():
    text = make_text("Hours", "From 9.")

    assert texts.restore(text.versions.get(), None) is None


def test_only_the_passages_of_the_last_version_are_current():
    text = make_text("Hours", "From 9.")
    texts.save(text, "From 10.", None)

    first, second = text.versions.order_by("number")
    assert not first.passages.get().is_current
    assert second.passages.get().is_current


def test_two_of_a_title_cannot_be_for_the_same():
    make_text("Hours", "From 9.")

    with pytest.raises(ValidationError, match="of this title already"):
        texts.check(KnowledgeText(title="HOURS"), "From 10.")


def test_two_of_a_title_may_be_for_different_ones():
    make_text("Hours", "From 9.")
    conversation = make_conversation()

    texts.check(KnowledgeText(title="Hours", instance=INSTANCE), "From 10.")
    texts.check(KnowledgeText(title="Hours", conversation=conversation), "From 10.")


def test_a_long_text_cannot_be_given_always():
    with pytest.raises(ValidationError, match=r"4000 characters; this has 4001"):
        texts.check(KnowledgeText(title="Book", use=ALWAYS), "x" * 4001)


def test_all_that_is_given_always_has_a_limit():
    for number in range(3):
        make_text(f"Text {number}", "x" * 3500, use=ALWAYS)

    with pytest.raises(ValidationError, match="comes to 12500"):
        texts.check(KnowledgeText(title="More", use=ALWAYS), "x" * 2000)


def test_what_holds_elsewhere_does_not_count_for_the_limit():
    for number in range(3):
        make_text(f"Text {number}", "x" * 3500, use=ALWAYS, instance="other")

    texts.check(KnowledgeText(title="More", use=ALWAYS, instance=INSTANCE), "x" * 2000)
