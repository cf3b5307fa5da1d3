"""The verdict on all that is not a text and its answer: files, reactions, commands."""

import base64
import hashlib
from collections import Counter

from bench.torture.evidence import Evidence, Reply
from bench.torture.plot import CARRIED, STOP, Conversation, Line
from bench.torture.verdict import Verdict
from conversations.models import (
    FOREVER,
    AgentSettings,
    Conversation as Row,
    MediaFile,
    Message,
    MessageChange,
)
from tests.standins.model import Question

SENT = ("sent", "delivered", "read")
ENDED = (MediaFile.State.FAILED, MediaFile.State.REFUSED)


def judge(
    verdict: Verdict,
    evidence: Evidence,
    conversation: Conversation,
    replies: list[Reply],
) -> None:
    apology = AgentSettings.load().voice_apology
    own = {conversation.person_text, apology}
    others = [one for one in replies if not one.answers and one.text not in own]
    for line in conversation.lines:
        if line.kind in CARRIED:
            _judge_file(verdict, evidence, line)
    _judge_commands(verdict, evidence, conversation, others)
    _judge_reactions(verdict, evidence, conversation)
    apologies = [one.id for one in replies if one.text == apology]
    _judge_apologies(verdict, evidence, conversation, apologies)


def _judge_file(verdict: Verdict, evidence: Evidence, line: Line) -> None:
    """It is here as it was sent, or it says why not."""
    row, seen = evidence.row(line), evidence.seen(line)
    if row is None:
        return
    file = MediaFile.objects.filter(message=row).first()
    state = file.state if file else "none"
    verdict.files[state] += 1
    if file and file.is_stored:
        data = base64.b64decode(seen.file)
        with file.file.open() as stored:
            if stored.read() != data or file.sha256 != hashlib.sha256(data).hexdigest():
                verdict.add("wrong file", line.token)
    elif not (file and state in ENDED and file.error or seen.deleted):
        error = file.error if file else ""
        verdict.add("file lost", f"{line.token}: {state} {error}")


# Commands


def _judge_commands(
    verdict: Verdict,
    evidence: Evidence,
    conversation: Conversation,
    others: list[Reply],
) -> None:
    """Each is answered once, in order, by no model, and the last ones are in force."""
    said = [line for line in conversation.lines if line.kind == "command"]
    seen = [one.id for one in others]
    answers = []
    for line in said:
        ids = _answers(evidence, line)
        answers += ids
        times = sum(seen.count(one) for one in ids)
        if times != 1 or len(ids) != 1:
            kind = "command doubled" if times > 1 or len(ids) > 1 else "command lost"
            verdict.add(kind, f"{line.token} {line.order}: {times} of {len(ids)}")
    if len(seen) > len(said):
        verdict.add("said without a cause", f"#{conversation.number}: {others}")
    if [one for one in answers if one in seen] != [
        one for one in seen if one in answers
    ]:
        verdict.add("commands out of order", f"#{conversation.number}")
    if conversation.operator:
        _judge_pause(verdict, conversation, said)


def _answers(evidence: Evidence, line: Line) -> list[str]:
    row = evidence.row(line)
    replies = Message.objects.filter(author="command", decision__messages=row)
    return list(replies.values_list("whatsapp_id", flat=True)) if row else []


def _judge_pause(
    verdict: Verdict, conversation: Conversation, said: list[Line]
) -> None:
    until = Row.objects.get(jid=conversation.chat).paused_until
    orders = [one.order for one in said if one.order.startswith(("/pause", "/resume"))]
    last = next((one for one in reversed(orders) if one != "/resume all"), "/resume")
    is_so = {
        "/pause": until == FOREVER,
        "/pause 1m": until not in (None, FOREVER),
        "/resume": until is None,
    }
    if not is_so[last]:
        verdict.add("not obeyed", f"#{conversation.number} {last}: until {until}")


def judge_questions(verdict: Verdict, questions: list[Question]) -> None:
    """No model is asked what becomes of a command."""
    for text in (text for question in questions for text in question.texts):
        is_order = text.startswith("/") and " p=" not in text
        if is_order or text == STOP:
            verdict.add("command put before the model", text)


# What staff made of the agent's replies


def judge_mended(verdict: Verdict, evidence: Evidence) -> None:
    """People see it as staff had it changed last, and so it stands here."""
    seen = evidence.bridge.instance.messages
    for id_, text in evidence.traffic.mended.items():
        row = Message.objects.get(whatsapp_id=id_)
        here, there = row.deleted_at is not None, seen[id_].deleted
        if text:
            here, there = row.text, seen[id_].data["message"]["conversation"]
        if {here, there} != {text or True}:
            verdict.add("not as staff changed it", f"{id_}: {here} {there}")
    for change in MessageChange.objects.exclude(state="done"):
        verdict.add("not as staff changed it", f"{change}: {change.error}")


# Reactions of ours


def _judge_reactions(
    verdict: Verdict, evidence: Evidence, conversation: Conversation
) -> None:
    lines = {evidence.seen(line).id: line for line in conversation.lines}
    seen = Counter(evidence.bridge.reactions(conversation.chat))
    for id_, times in seen.items():
        line = lines.get(id_)
        if line is None or evidence.outcome(line) != "reacted":
            verdict.add("reacted in spite of its outcome", line.token if line else id_)
        if times > 1:
            verdict.add("reaction doubled", line.token if line else id_)
    for line in conversation.lines:
        if evidence.outcome(line) == "reacted":
            ours = Message.objects.filter(
                kind="reaction",
                author="agent",
                status__in=SENT,
                decision__messages=evidence.row(line),
            )
            times = sum(seen[one.quoted_id] for one in ours)
            if times != 1:
                kind = "reaction doubled" if times else "reaction lost"
                verdict.add(kind, f"{line.token}: {times}")


# Voice notes that were not understood


def _judge_apologies(
    verdict: Verdict, evidence: Evidence, conversation: Conversation, seen: list[str]
) -> None:
    """Who speaks to the agent alone is told once for all that they said in a row."""
    sent = Counter(seen)
    known = set()
    for line in conversation.lines:
        if evidence.outcome(line) != "not_heard" or conversation.group:
            continue
        ours = Message.objects.filter(
            author="agent", decision__messages=evidence.row(line), text__gt=""
        ).exclude(decision__step__in=["relevance", "response"])
        ids = [one.whatsapp_id for one in ours if one.status in SENT]
        known.update(ids)
        times = sum(sent[one] for one in ids)
        is_free = not (conversation.person or conversation.operator)
        if times > 1:
            verdict.add("apology doubled", line.token)
        if not times and is_free and not evidence.seen(line).deleted:
            verdict.add("apology lost", line.token)
    if set(seen) - known:
        verdict.add("said without a cause", f"#{conversation.number}: an apology")
