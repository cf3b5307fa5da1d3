"""What simple rules would have said of the labelled decisions: dots beside the model's curve.

None of these messages addressed the agent, for those are answered without a score: a rule
"only when addressed" replies to none of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conversations.models import Message
from llm.lab.curves import Rule
from llm.lab.findings import Finding
from llm.lab.rules import asks, asks_in_words

RULES: dict[str | Promise, Callable[[str], bool]] = {
    _("A question mark"): asks,
    _("A question mark or word"): asks_in_words,
}


def rules(found: Finding) -> list[Rule]:
    """By the labels whose messages are still kept, each with its weight."""
    texts = _texts([one.decision for one in found.labels])
    known = [
        (texts[one.decision], one.wanted, weight)
        for one, weight in zip(found.labels, found.weights, strict=True)
        if one.decision in texts
    ]
    return list(_rules(known))


def _rules(known: list[tuple[str, bool, float]]) -> Iterator[Rule]:
    wanted = sum(weight for _text, is_wanted, weight in known if is_wanted)
    for name, says_yes in RULES.items():
        yes = [one for one in known if says_yes(one[0])]
        replies = sum(weight for _text, _is_wanted, weight in yes)
        hits = sum(weight for _text, is_wanted, weight in yes if is_wanted)
        if wanted and replies:
            yield Rule(name, hits / wanted, hits / replies)


def _texts(decisions: list[int]) -> dict[int, str]:
    """What was judged, by decision."""
    found: dict[int, list[str]] = defaultdict(list)
    kept = Message.objects.filter(decisions__in=decisions, pruned_at=None)
    for decision, text in kept.order_by("pk").values_list("decisions", "text"):
        found[decision].append(text)
    return {decision: "\n".join(said) for decision, said in found.items()}
