"""How well the judging step knows when to speak, against people's annotations."""

import time
from argparse import ArgumentParser
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from conversations.models import AgentSettings
from llm.call import Model
from llm.lab import benchmark, group_chats, measures
from llm.lab.rules import RULES
from llm.providers import missing

FREE = "scripted"
SAMPLE = 400  # of each part, where calls may cost money
MEASURES = ("response_rate", "precision", "recall", "f1", "balanced_accuracy")
HEAD = ("", "speaks", "precision", "recall", "F1", "balanced acc.")


class Command(BaseCommand):
    help = (
        "Runs real group chats with annotated replies through the judging step. "
        "The chats are in bench/group_chat, with their source and licence."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        bench = actions.add_parser(
            "benchmark", help="judge chats that people annotated"
        )
        bench.add_argument("--provider", choices=list(settings.LLM_PROVIDERS))
        bench.add_argument("--model", help="without both, as in the settings")
        bench.add_argument("--price-in", type=Decimal, help="per million tokens")
        bench.add_argument("--price-out", type=Decimal, help="per million tokens")
        bench.add_argument("--timeout", type=float, help="of each judgement, seconds")
        bench.add_argument(
            "--part",
            choices=list(group_chats.PARTS),
            default="test",
            help="what to report",
        )
        bench.add_argument(
            "--threshold", type=float, help="without it, the best of the part dev"
        )
        bench.add_argument(
            "--sample",
            type=int,
            help=f"messages of each part; 0: all. Unless {FREE}: {SAMPLE}",
        )
        bench.add_argument("--seed", type=int, default=0, help="of the sample")
        bench.add_argument("--threads", type=int, default=4, help="calls at once")
        bench.add_argument("--chats", type=Path, default=group_chats.FOLDER)
        bench.add_argument(
            "--yes", action="store_true", help="do not ask what it may cost"
        )

    def handle(self, **options) -> None:
        model = _model(options)
        if lacking := missing(model.provider):
            raise CommandError(lacking)
        parts = [options["part"]]
        if options["threshold"] is None and "dev" not in parts:
            parts.insert(0, "dev")
        examples = {part: self.read(part, model, options) for part in parts}
        self.agree(model, [e for found in examples.values() for e in found], options)
        started = time.monotonic()
        results = {
            part: self.judge(part, found, model, options)
            for part, found in examples.items()
        }
        threshold = options["threshold"]
        if threshold is None:
            threshold = measures.best_threshold(benchmark.scored(results["dev"]))
        self.report(options["part"], results[options["part"]], threshold, options)
        self.spent([r for found in results.values() for r in found], started)

    def read(self, part: str, model: Model, options: dict) -> list[group_chats.Example]:
        try:
            found = group_chats.examples(options["chats"], group_chats.PARTS[part])
        except FileNotFoundError as error:
            raise CommandError(
                f"{error.filename} is missing. The chats are in the project's "
                "bench/group_chat; name another place with --chats."
            ) from error
        size = options["sample"]
        if size is None:
            size = 0 if model.provider == FREE else SAMPLE
        return benchmark.sample(found, size or None, options["seed"])

    def agree(
        self, model: Model, examples: list[group_chats.Example], options: dict
    ) -> None:
        planned = benchmark.estimate(examples, model)
        cost = f"about {planned.cost:.2f}" if planned.cost else "no price is set"
        if model.provider == FREE:
            cost = "free"
        self.stdout.write(
            f"{model.provider} {model.name}: {planned.calls} calls, about "
            f"{planned.tokens_in} tokens in, {planned.tokens_out} out; cost: {cost}"
        )
        if model.provider == FREE or options["yes"]:
            return
        if input("Make these calls? [y/N] ").strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was asked.")

    def judge(
        self,
        part: str,
        examples: list[group_chats.Example],
        model: Model,
        options: dict,
    ) -> list[benchmark.Result]:
        step = max(len(examples) // 10, 1)

        def progress(done: int) -> None:
            if done % step == 0:
                self.stderr.write(f"{part}: {done} of {len(examples)}")

        # The scripted provider computes: threads would only wait for each other.
        threads = 1 if model.provider == FREE else options["threads"]
        try:
            return benchmark.run(examples, model, threads=threads, progress=progress)
        except benchmark.Hopeless as error:
            raise CommandError(f"Every call failed: {error}") from error

    def report(
        self,
        part: str,
        results: list[benchmark.Result],
        threshold: float,
        options: dict,
    ) -> None:
        examples = [result.example for result in results]
        wanted = sum(example.wanted for example in examples)
        groups = {result.group for result in results}
        origin = "best on dev" if options["threshold"] is None else "as told"
        if part == "dev" and options["threshold"] is None:
            origin = "best on these very messages"
        area = measures.auc(benchmark.scored(results))
        self.stdout.write(
            f"\n{part}: {len(examples)} messages, {len(groups)} members in the "
            f"assistant's place, a reply wanted after {wanted / len(examples):.1%}\n"
            f"threshold {threshold:.2f} ({origin}), AUC "
            f"{'n/a' if area is None else f'{area:.3f}'}; in brackets 90 % intervals\n"
        )
        self.stdout.write(_row(HEAD))
        self.show("the judging step", benchmark.counts(results, threshold))
        for name, rule in RULES.items():
            self.show(name, benchmark.rule_counts(examples, rule))

    def show(self, name: str, counts: list[tuple[tuple, measures.Counts]]) -> None:
        total = sum((one for _, one in counts), measures.Counts())
        cells = [
            _cell(getattr(total, measure), measures.interval(counts, _reader(measure)))
            for measure in MEASURES
        ]
        self.stdout.write(_row((name, *cells)))

    def spent(self, results: list[benchmark.Result], started: float) -> None:
        calls = [result.call for result in results]
        failed = [call for call in calls if call.error]
        self.stdout.write(
            f"\n{sum(call.attempts for call in calls)} calls, "
            f"{sum(call.tokens_in or 0 for call in calls)} tokens in, "
            f"{sum(call.tokens_out or 0 for call in calls)} out, "
            f"cost {sum(call.cost or 0 for call in calls)}, "
            f"{len(failed)} failed (counted as silence), "
            f"{time.monotonic() - started:.0f} s"
        )
        for error in sorted({call.error for call in failed})[:5]:
            self.stdout.write(f"  {error}")


def _model(options: dict) -> Model:
    agent = AgentSettings.load()
    provider = options["provider"] or agent.relevance_provider
    name = options["model"]
    if name is None:
        is_ours = provider == agent.relevance_provider
        name = agent.relevance_model if is_ours else ""
    is_ours = (provider, name) == (agent.relevance_provider, agent.relevance_model)
    price_in, price_out = (
        told if told is not None else (ours if is_ours else Decimal(0))
        for told, ours in (
            (options["price_in"], agent.relevance_price_in),
            (options["price_out"], agent.relevance_price_out),
        )
    )
    timeout = options["timeout"] or agent.relevance_timeout
    return Model(provider, name, timeout, price_in, price_out)


def _reader(measure: str) -> Callable[[measures.Counts], float | None]:
    return lambda counts: getattr(counts, measure)


def _cell(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:.3f}" + (
        f" [{interval[0]:.2f}-{interval[1]:.2f}]" if interval else ""
    )


def _row(cells: tuple[str, ...]) -> str:
    return f"{cells[0]:32}" + "".join(f"{cell:20}" for cell in cells[1:]).rstrip()
