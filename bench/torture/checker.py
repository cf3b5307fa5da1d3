"""The verdict, from what people saw and from what the database says."""

from collections import Counter

from bench.torture import checker_extras
from bench.torture.evidence import Evidence, Reply
from bench.torture.plot import Conversation, Line
from bench.torture.verdict import Verdict
from conversations.models import Conversation as Row, Message
from evolution.models import UnreadableEvent

SENT = {"sent", "delivered", "read"}
# Between the last look at the question and the send: waiting for the database while
# another writer holds it, and a freeze.
UNDER_WAY = 20
# Decisions about one message, each of which costs: with failures, edits and what else
# is said in a row.
MOST_DECISIONS = 15


def judge(evidence: Evidence) -> Verdict:
    verdict = Verdict()
    for conversation in evidence.plot:
        replies = evidence.replies(conversation)
        for line in conversation.lines:
            _judge_outcome(verdict, evidence, conversation, line)
        _judge_replies(verdict, evidence, conversation, replies)
        _judge_wordings(verdict, evidence, conversation, replies)
        _judge_person(verdict, conversation, [one.text for one in replies])
        checker_extras.judge(verdict, evidence, conversation, replies)
    checker_extras.judge_mended(verdict, evidence)
    checker_extras.judge_questions(verdict, evidence.model.questions)
    _judge_rest(verdict)
    return verdict


def _judge_outcome(
    verdict: Verdict, evidence: Evidence, conversation: Conversation, line: Line
) -> None:
    found = evidence.rows.get(line.token, [])
    if not found:
        return verdict.add("not stored", line.token)
    if len(found) > 1:
        return verdict.add("stored twice", line.token)
    outcome, reason = found[0].outcome, found[0].reason
    verdict.outcomes[outcome] += 1
    if outcome in ("", "replying"):
        verdict.add("without outcome", f"{line.token}: {outcome or 'pending'}")
    elif outcome not in _allowed(evidence, conversation, line):
        verdict.add("wrong outcome", f"{line.token}: {outcome}, {reason}")
    if (times := found[0].decisions.count()) > MOST_DECISIONS:
        verdict.add("decided over and over", f"{line.token}: {times}")
    return None


def _allowed(evidence: Evidence, conversation: Conversation, line: Line) -> set[str]:
    allowed = {line.outcome}
    if line.kind in ("reaction", "command"):
        return allowed  # whoever steps in
    if conversation.person:
        allowed.add("taken_over")
    if conversation.operator:
        allowed.add("paused")
    if any(one.kind == "stop" for one in conversation.lines):
        allowed.add("stopped")
    if evidence.is_misjudged(line):
        allowed.add("gate_failed")
    if evidence.seen(line).deleted:
        allowed.add("filtered")
        # With whatever was said in a row with it.
        others = [one for one in conversation.lines if one.sender == line.sender]
    else:
        others = [line]
    if any(map(evidence.is_unheard, others)):
        allowed.add("not_heard")
    return allowed


def _judge_replies(
    verdict: Verdict,
    evidence: Evidence,
    conversation: Conversation,
    replies: list[Reply],
) -> None:
    times = Counter(number for reply in replies for number, _ in reply.answers)
    for line in conversation.lines:
        outcome = evidence.outcome(line)
        is_seen = times[line.number] or evidence.is_hidden(line)
        if outcome == "replied" and not is_seen:
            verdict.add("lost", line.token)
        if times[line.number] and outcome != "replied":
            verdict.add("answered in spite of its outcome", f"{line.token}: {outcome}")
        if times[line.number] > 1:
            verdict.add("doubled", line.token)
        if times[line.number] and not line.is_wanted:
            verdict.add("answered without being asked", line.token)
    numbers = [[number for number, _ in reply.answers] for reply in replies]
    if not _is_in_order(conversation, numbers):
        verdict.add("out of order", f"#{conversation.number}: {numbers}")


def _is_in_order(conversation: Conversation, replies: list[list[int]]) -> bool:
    """Messages of one burst come shuffled, so they may be answered in any order."""
    burst = {line.number: line.burst for line in conversation.lines}
    bursts = [burst[number] for reply in replies for number in reply]
    return bursts == sorted(bursts) and all(reply == sorted(reply) for reply in replies)


def _judge_wordings(
    verdict: Verdict,
    evidence: Evidence,
    conversation: Conversation,
    replies: list[Reply],
) -> None:
    """What was changed in time is not answered as it was; in the end it stands here."""
    lines = {line.number: line for line in conversation.lines}
    for reply in replies:
        known_at = reply.asked_at - UNDER_WAY
        for number, version in reply.answers:
            if version < evidence.last_change(lines[number], known_at):
                verdict.add("answered as it was before an edit", lines[number].token)
        asked = [lines[number] for number, _ in reply.answers]
        if asked and all(evidence.was_deleted(line, known_at) for line in asked):
            verdict.add("answered though deleted", asked[0].token)
    for line in conversation.lines:
        _judge_row(verdict, evidence, line)


def _judge_row(verdict: Verdict, evidence: Evidence, line: Line) -> None:
    row, seen = evidence.row(line), evidence.seen(line)
    if row is None:
        return
    text = seen.data["message"].get("conversation")
    if text is not None and row.text != text:
        verdict.add("wrong text after edits", f"{line.token}: {row.text!r}")
    if (row.deleted_at is not None) != seen.deleted:
        verdict.add("wrong about a deletion", line.token)


def _judge_person(
    verdict: Verdict, conversation: Conversation, texts: list[str]
) -> None:
    """What a person of ours wrote is there once, and was said once."""
    text = conversation.person_text
    if not conversation.person:
        return
    if conversation.person == "by hand" and texts.count(text) != 1:
        kind = "doubled" if text in texts else "lost"
        verdict.add(kind, text)
    rows = Message.objects.filter(text=text, direction="out")
    if {row.status for row in rows} - SENT or len(rows) != 1:
        verdict.add("wrong record of a person", f"{text}: {len(rows)}")


def _judge_rest(verdict: Verdict) -> None:
    if unsettled := Message.objects.outbox().count():
        verdict.violations["unsent"] += unsettled
    if leased := Row.objects.exclude(lease_token="").count():
        verdict.violations["leases left"] += leased
    for event in UnreadableEvent.objects.all():
        verdict.add("webhook that was not read", event.error)
