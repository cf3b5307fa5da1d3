"""Tallies in, tables out, as Markdown: they also stand in docs/performance.md."""

from collections.abc import Iterable

from bench.economy.tally import Tally

TARGET = 0.30
BUSY = 100  # messages an hour

_CHATS = ("chat", "messages", "an hour", "step 1", "step 2", "calls per 100", "judging each", "saved",
          "replies", "wanted", "of them answered")  # fmt: skip


def chats(tallies: dict[str, Tally]) -> str:
    busy, calm = _sum(tallies, is_busy), _sum(tallies, lambda one: not is_busy(one))
    rows = [
        *((name, one) for name, one in tallies.items()),
        ("**busy ones together**", busy),
        ("**the others together**", calm),
        ("**all**", busy + calm),
    ]
    return _table(_CHATS, [_chat(name, one) for name, one in rows if one.messages])


def _chat(name: str, one: Tally) -> tuple[str, ...]:
    return (
        name,
        str(one.messages),
        f"{one.messages / one.hours:.0f}",
        str(one.judged),
        str(one.written),
        f"{one.per_hundred(one.calls):.0f}",
        f"{one.per_hundred(one.calls_of_each):.0f}",
        f"{one.saved:.0%}",
        str(one.sent),
        str(one.wanted),
        f"{one.answered / one.wanted:.0%}",
    )


def reasons(variants: dict[str, Tally]) -> str:
    """Why messages were not judged one by one, as shares of all messages."""
    names = sorted(
        {name for one in variants.values() for name in one.unjudged},
        key=lambda name: -max(one.unjudged[name] for one in variants.values()),
    )
    rows = [("calls per 100 messages", *_each(variants, lambda one: f"{one.per_hundred(one.calls):.0f}")),
            ("saved, of all calls", *_each(variants, lambda one: f"{one.saved:.0%}")),
            ("judged by the model (step 1)", *_each(variants, lambda one: _share(one, one.judged)))]  # fmt: skip
    for name in names:
        shares = [_share(one, one.unjudged[name]) for one in variants.values()]
        rows.append((f"not judged: {name}", *shares))
    rows += [("replies sent", *_each(variants, lambda one: str(one.sent))),
             ("of them where nothing was said", *_each(variants, lambda one: str(one.uncalled_for))),
             ("wanted replies given", *_each(variants, lambda one: f"{one.answered} of {one.wanted}"))]  # fmt: skip
    missed = sorted({name for one in variants.values() for name in one.missed})
    for name in missed:
        rows.append(
            (
                f"not given: {name}",
                *_each(variants, lambda one, name=name: str(one.missed[name])),
            )
        )
    return _table(("", *variants), rows)


def is_busy(one: Tally) -> bool:
    return one.messages / one.hours >= BUSY


def _sum(tallies: dict[str, Tally], condition) -> Tally:
    return sum((one for one in tallies.values() if condition(one)), Tally())


def busy(tallies: dict[str, Tally]) -> Tally:
    return _sum(tallies, is_busy)


def _each(variants: dict[str, Tally], show) -> list[str]:
    return [show(one) for one in variants.values()]


def _share(one: Tally, count: int) -> str:
    return f"{count / one.messages:.1%}"


def _table(head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    head = tuple(head)
    rule = ("---", *("--:" for _ in head[1:]))
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])
