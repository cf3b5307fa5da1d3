"""Texts as staff write them: each change is a new version, with its passages."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max, Q
from django.db.models.functions import Length
from django.utils.translation import gettext as _

from conversations.knowledge.cutting import passages
from conversations.knowledge.words import words
from conversations.models import KnowledgePassage, KnowledgeText, KnowledgeVersion

Use, Reach = KnowledgeText.Use, KnowledgeText.Reach

LONGEST = 200_000
LONGEST_ALWAYS = 4_000
ALL_ALWAYS = 12_000


@transaction.atomic
def save(
    text: KnowledgeText,
    body: str,
    staff: Any,
    restores: KnowledgeVersion | None = None,
) -> KnowledgeVersion | None:
    """Store the text, and a new version if it says something else than before."""
    if text.pk:  # one after the other: the numbers follow each other
        KnowledgeText.objects.select_for_update().filter(pk=text.pk).first()
    text.reach = reach(text)
    text.title_key = key(text.title)
    text.save()
    last = current(text)
    if last and (last.title, last.body) == (text.title, body):
        return None
    if last:
        last.passages.update(is_current=False)
    version = KnowledgeVersion.objects.create(
        text=text,
        number=last.number + 1 if last else 1,
        title=text.title,
        body=body,
        staff=staff,
        restores=restores,
    )
    _cut(version)
    return version


def restore(version: KnowledgeVersion, staff: Any) -> KnowledgeVersion | None:
    """Let the text say again what it said then, as a new version."""
    text = version.text
    text.title = version.title
    check(text, version.body)
    return save(text, version.body, staff, restores=version)


def current(text: KnowledgeText) -> KnowledgeVersion | None:
    return text.versions.order_by("-number").first() if text.pk else None


def key(title: str) -> str:
    return title.casefold()[:240]


def reach(text: KnowledgeText) -> int:
    if text.conversation_id:
        return Reach.CONVERSATION
    return Reach.INSTANCE if text.instance else Reach.EVERYWHERE


def check(text: KnowledgeText, body: str) -> None:
    """Raise what is wrong with it, by field."""
    if text.conversation_id and text.instance:
        raise ValidationError(
            {"instance": _("A conversation belongs to its instance: name only one.")}
        )
    if _namesakes(text).exists():
        raise ValidationError(
            {"title": _("There is a text of this title already, for the same.")}
        )
    if len(body) > LONGEST:
        raise ValidationError({"body": _too_long(LONGEST, len(body))})
    if text.use == Use.ALWAYS:
        _check_always(text, body)


def _check_always(text: KnowledgeText, body: str) -> None:
    if len(body) > LONGEST_ALWAYS:
        hint = _("Let it be searched instead: then a reply is given what fits.")
        raise ValidationError(
            {"body": f"{_too_long(LONGEST_ALWAYS, len(body))} {hint}"}
        )
    together = len(body) + _always_beside(text)
    if text.is_on and together > ALL_ALWAYS:
        raise ValidationError(
            {
                "use": _(
                    "With the others that every reply is given there, it comes to"
                    " %(length)d characters; %(most)d are possible."
                )
                % {"length": together, "most": ALL_ALWAYS}
            }
        )


def _always_beside(text: KnowledgeText) -> int:
    """Characters that replies are given anyway, where this text holds."""
    where = Q(reach=Reach.EVERYWHERE)
    if text.instance:
        where |= Q(instance=text.instance)
    if text.conversation_id:
        where |= Q(conversation=text.conversation_id)
        where |= Q(instance=text.conversation.instance)
    others = KnowledgeText.objects.filter(where, is_on=True, use=Use.ALWAYS)
    last = (
        others.exclude(pk=text.pk)
        .annotate(last=Max("versions__number"))
        .values_list("pk", "last")
    )
    lengths = KnowledgeVersion.objects.filter(text__in=[pk for pk, _last in last])
    by_number = {
        (pk, number): length
        for pk, number, length in lengths.annotate(length=Length("body")).values_list(
            "text", "number", "length"
        )
    }
    return sum(by_number.get(one, 0) for one in last)


def _namesakes(text: KnowledgeText) -> Any:
    return KnowledgeText.objects.filter(
        title_key=key(text.title),
        instance=text.instance,
        conversation=text.conversation_id,
    ).exclude(pk=text.pk)


def _too_long(most: int, length: int) -> str:
    return _("At most %(most)d characters; this has %(length)d.") % {
        "most": most,
        "length": length,
    }


def _cut(version: KnowledgeVersion) -> None:
    KnowledgePassage.objects.bulk_create(
        KnowledgePassage(
            version=version,
            number=number,
            heading=one.heading,
            text=one.text,
            # What it is about counts as much as what it says.
            words=" ".join(words(f"{version.title} {one.heading} {one.text}")),
        )
        for number, one in enumerate(passages(version.body), 1)
    )
