"""`make bench-growth`: the same webhook, reply and pages over ever more messages.

Each number stands beside that of the smallest database: what does not grow costs the
same. Sizes are per thousand messages, with what pruning makes of them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import report as common
from bench.pages.data import SETTINGS

SIZES = (1_000, 100_000, 1_000_000)


@dataclass(frozen=True)
class Row:
    measure: str
    values: tuple[float, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        ratios = [f"{value / self.values[0]:.2f}" for value in self.values[1:]]
        shown = [self._shown(value) for value in self.values]
        return self.measure, *shown, *ratios

    def _shown(self, value: float) -> str:
        is_size = self.measure.startswith("bytes")
        return f"{value:,.0f}" if is_size else f"{1000 * value:.2f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--runs", type=int, default=100, help="Of each measure.")
    parser.add_argument(
        "--without-sizes", action="store_true", help="Do not prune: that takes minutes."
    )
    parser.add_argument("--keep", type=Path, help="A folder for the databases.")
    options = parser.parse_args()
    machine = common.facts()
    print(*(f"{name}: {value}" for name, value in machine.items()), sep="\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        measured = [_measured(folder, size, options) for size in options.sizes]
    found = rows(measured)
    head = ("measure", *(f"{size:,}" for size in options.sizes))
    head += tuple(f"ratio {size:,}" for size in options.sizes[1:])
    print("", common.table(found, head), "", sep="\n")
    print(common.write(machine, measured, found))


def rows(measured: list[dict[str, float]]) -> list[Row]:
    shared = [name for name in measured[0] if all(name in one for one in measured)]
    return [Row(name, tuple(one[name] for one in measured)) for name in shared]


def _measured(folder: Path, size: int, options: argparse.Namespace) -> dict[str, float]:
    made = folder / f"pages-{size}-{size // 10}.sqlite3"
    python = [sys.executable, "-m"]
    if not made.exists():
        given = [f"--messages={size}", f"--decisions={size // 10}", str(made)]
        subprocess.run([*python, "bench.pages.data", *given], check=True)
    with tempfile.TemporaryDirectory(dir=folder) as apart:
        copy = Path(apart) / "db.sqlite3"
        shutil.copy(made, copy)
        environment = {**os.environ, **SETTINGS, "DATABASE_URL": f"sqlite:///{copy}"}
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
        subprocess.run(migrate, env=environment, check=True)
        command = [*python, "bench.growth.measure", f"--runs={options.runs}"]
        command += ["--without-sizes"] * options.without_sizes
        print(f"{size:,} messages ...", flush=True)
        told = subprocess.run(
            command, env=environment, check=True, stdout=subprocess.PIPE
        )
    return json.loads(told.stdout)


if __name__ == "__main__":
    main()
