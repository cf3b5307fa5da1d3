"""The verdict, from what people saw and from what the database says."""

from collections import Counter
from dataclasses import dataclass, field

from bench.torture.plot import TOKEN, Conversation
from conversations.models import Conversation as Row, Message
from tests.standins.bridge import StandIn

FINAL = {True: "replied", False: "below_threshold"}
SENT = {"sent", "delivered", "read"}
SHOWN = 5  # of each kind


@dataclass
class Verdict:
    violations: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, example: str) -> None:
        self.violations[kind] += 1
        if self.violations[kind] <= SHOWN:
            self.examples.append(f"{kind}: {example}")

    def __bool__(self) -> bool:
        return not self.violations


def judge(bridge: StandIn, plot: list[Conversation], misjudged: set[str]) -> Verdict:
    """`misjudged` are the messages about which the model spoke nonsense."""
    verdict = Verdict()
    outcomes = _judge_outcomes(verdict, plot, misjudged)
    for conversation in plot:
        texts = bridge.texts(conversation.chat)
        _judge_replies(verdict, conversation, texts, outcomes)
        _judge_person(verdict, conversation, texts)
    _judge_rest(verdict)
    return verdict


def _judge_replies(
    verdict: Verdict,
    conversation: Conversation,
    texts: list[str],
    outcomes: dict[str, str],
) -> None:
    replies = [[int(number) for _, number in TOKEN.findall(text)] for text in texts]
    seen = [number for reply in replies for number in reply]
    times = Counter(seen)
    for line in conversation.lines:
        is_silent = outcomes.get(line.token) in ("taken_over", "gate_failed")
        if line.is_wanted and not times[line.number] and not is_silent:
            verdict.add("lost", line.token)
        if times[line.number] and is_silent:
            verdict.add("answered in spite of its outcome", line.token)
        if times[line.number] > 1:
            verdict.add("doubled", line.token)
        if times[line.number] and not line.is_wanted:
            verdict.add("answered without being asked", line.token)
    if not _is_in_order(conversation, replies):
        verdict.add("out of order", f"#{conversation.number}: {replies}")


def _is_in_order(conversation: Conversation, replies: list[list[int]]) -> bool:
    """Messages of one burst come shuffled, so they may be answered in any order."""
    burst = {line.number: line.burst for line in conversation.lines}
    bursts = [burst[number] for reply in replies for number in reply]
    return bursts == sorted(bursts) and all(reply == sorted(reply) for reply in replies)


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


def _judge_outcomes(
    verdict: Verdict, plot: list[Conversation], misjudged: set[str]
) -> dict[str, str]:
    """The outcome of each message, by its token."""
    rows = Message.objects.filter(direction="in").values_list(
        "text", "outcome", "reason"
    )
    stored: dict[str, list[tuple[str, str]]] = {}
    for text, outcome, reason in rows:
        stored.setdefault(TOKEN.search(text)[0], []).append((outcome, reason))
    for conversation, line in ((one, line) for one in plot for line in one.lines):
        allowed = {FINAL[line.is_wanted]}
        if conversation.person:
            allowed.add("taken_over")
        if line.token in misjudged:
            allowed.add("gate_failed")
        found = stored.get(line.token, [])
        if not found:
            verdict.add("not stored", line.token)
        elif len(found) > 1:
            verdict.add("stored twice", line.token)
        elif found[0][0] in ("", "replying"):
            verdict.add("without outcome", f"{line.token}: {found[0][0] or 'pending'}")
        elif found[0][0] not in allowed:
            verdict.add("wrong outcome", f"{line.token}: {' '.join(found[0])}")
        verdict.outcomes.update(outcome for outcome, _ in found)
    return {token: found[0][0] for token, found in stored.items()}


def _judge_rest(verdict: Verdict) -> None:
    if unsettled := Message.objects.outbox().count():
        verdict.violations["unsent"] += unsettled
    if leased := Row.objects.exclude(lease_token="").count():
        verdict.violations["leases left"] += leased
