"""What staff say in passing of what was judged: cases to look at, not a sample."""

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.utils import timezone

from conversations.models import Message
from llm.lab.sampling import scored
from llm.models import Decision, Label

Verdict = Label.Verdict


def correct(decision: Decision, rater: AbstractBaseUser, verdict: str) -> bool:
    """Note what somebody says of it; the same once more takes it back."""
    own = {"decision": decision, "rater": rater, "origin": Label.Origin.CORRECTION}
    if Label.objects.filter(**own, verdict=verdict).delete()[0]:
        return False
    note(decision, rater, verdict)
    return True


def note(decision: Decision, rater: AbstractBaseUser, verdict: str) -> None:
    Label.objects.update_or_create(
        decision=decision,
        rater=rater,
        origin=Label.Origin.CORRECTION,
        defaults={"verdict": verdict, "created_at": timezone.now()},
    )


def note_draft(draft: Message, staff: AbstractBaseUser, verdict: str) -> None:
    """Who settles a draft that nobody asked for says whether it was wanted."""
    if not draft.conversation.is_group:
        return
    asked = Message.objects.filter(decisions=draft.decision_id, direction="in")
    decision = judgement(asked)
    if decision is not None:
        note(decision, staff, verdict)


def judgement(messages: QuerySet[Message]) -> Decision | None:
    """The last time that a model judged them; None where a rule did."""
    judged = scored().filter(messages__in=messages).defer("input", "output")
    return judged.order_by("-pk").first()
