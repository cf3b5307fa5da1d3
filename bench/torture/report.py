"""The table at the end."""

from collections import Counter
from collections.abc import Iterable

from bench.torture.trial import Trial
from bench.torture.verdict import Verdict


def show(trial: Trial, verdict: Verdict) -> None:
    print()
    for name, value in _lines(trial, verdict):
        print(f"{name:>26}  {value}")
    if verdict:
        print(f"{'VERDICT':>26}  OK: nothing lost, nothing doubled, all in order")
    else:
        print(f"{'VERDICT':>26}  VIOLATIONS: {_counts(verdict.violations)}")
    for example in verdict.examples:
        print(f"{'':>26}  {example}")
    print(flush=True)


def _lines(trial: Trial, verdict: Verdict) -> list[tuple[str, str]]:
    log = "".join(agent.log for agent in trial.agents)
    traffic, bridge = trial.traffic, trial.bridge
    kills = _sum(killer.kills for killer in trial.killers)
    freezes = _sum(killer.freezes for killer in trial.killers)
    wanted = sum(line.is_wanted for one in trial.plot for line in one.lines)
    latencies = [
        at - traffic.acked_at[token]
        for token, at in bridge.seen_at.items()
        if token in traffic.acked_at
    ]
    replies = sum(len(bridge.texts(one.chat)) for one in trial.plot)
    reactions = sum(len(bridge.reactions(one.chat)) for one in trial.plot)
    evidence = trial.evidence
    control = trial.options.control
    return [
        ("run", f"control {control}" if control else "main"),
        ("database and broker", f"{trial.options.database}, {trial.options.broker}"),
        ("hosts", str(len(trial.agents))),
        (
            "messages",
            f"{len(traffic.messages)}, {wanted} of them to be answered",
        ),
        ("of these", _counts(evidence.kinds)),
        ("edited or deleted", _counts(evidence.changes)),
        ("files", _counts(verdict.files)),
        (
            "pictures shown to models",
            str(sum(q.pictures for q in trial.model.questions)),
        ),
        ("reactions that people saw", str(reactions)),
        ("conversations", str(len(trial.plot))),
        ("replies that people saw", str(replies)),
        ("acknowledged (s)", _quantiles(traffic.ack_seconds)),
        ("webhooks tried again", str(traffic.retries)),
        ("persons stepped in", _counts(traffic.people)),
        ("outcomes", _counts(verdict.outcomes)),
        ("kills", f"{kills.total()}: {_counts(kills)}"),
        ("freezes of 6 to 12 s", f"{freezes.total()}: {_counts(freezes)}"),
        ("restarts", _counts(_sum(killer.restarts for killer in trial.killers))),
        ("jumps, locks, cuts", _counts(_sum(one.times for one in trial.faults))),
        ("faults of the bridge", _counts(bridge.faults)),
        ("faults of the model", _counts(trial.model.faults)),
        (
            "looked up",
            f"{log.count('was sent after all')} had been sent,"
            f" {log.count('was not sent')} had not",
        ),
        ("reply after (s)", _quantiles(latencies)),
        (
            "seconds",
            f"{trial.producing_seconds:.0f}, all settled {trial.all_seconds:.0f}",
        ),
        ("exit code", str(trial.exit_code)),
        ("logs", str(trial.folder)),
    ]


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    return sum(counts, Counter())


def _counts(counts: dict[str, int] | Counter[str]) -> str:
    return (
        ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
    )


def _quantiles(values: list[float]) -> str:
    ordered = sorted(values)
    if not ordered:
        return "none"
    p50, p99 = (ordered[int((len(ordered) - 1) * share)] for share in (0.5, 0.99))
    return f"p50 {p50:.3f}, p99 {p99:.3f}, max {ordered[-1]:.3f}"
