"""`make bench-pages`: every page of the admin, over half a year of messages.

Beside it the same pages over a thousand messages: what does not grow takes as long
there. Both run one after the other on this machine, now.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import report as common
from bench.pages import report
from bench.pages.data import SETTINGS

SMALL = {"messages": 1_000, "decisions": 100}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=15, help="Of each page.")
    parser.add_argument("--only", default="", help="A regular expression for pages.")
    parser.add_argument(
        "--keep", type=Path, help="A folder for the databases, to measure them again."
    )
    options = parser.parse_args()
    machine = common.facts()
    print(*(f"{name}: {value}" for name, value in machine.items()), sep="\n")
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        small = _measured(folder, SMALL, options)
        numbers = {"messages": options.messages, "decisions": options.decisions}
        big = _measured(folder, numbers, options)
    found = report.rows(small["pages"], big["pages"])
    print("", common.table(found, report.HEAD), "", sep="\n")
    closed = [f"{one} ({page['left_out']})" for one, page in big["left_out"].items()]
    print("Not measured:", *closed, sep="\n  ")
    print(report.explained(found, big["pages"]))
    missed = sum(not row.is_met for row in found)
    print(f"\n{len(found)} pages, {missed} over the target of", end=" ")
    print(f"{report.TARGET_MS} ms or with more queries than on the small database.")
    print(common.write(machine, [{"small": small, "big": big}], found))


def _measured(folder: Path, numbers: dict[str, int], options) -> dict:
    path = folder / f"pages-{numbers['messages']}-{numbers['decisions']}.sqlite3"
    environment = {**os.environ, **SETTINGS, "DATABASE_URL": f"sqlite:///{path}"}
    python = [sys.executable, "-m"]
    if not path.exists():
        given = [f"--{name}={number}" for name, number in numbers.items()]
        subprocess.run([*python, "bench.pages.data", *given, str(path)], check=True)
    # One that was kept may be of an older version.
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity=0"]
    subprocess.run(migrate, env=environment, check=True)
    command = [*python, "bench.pages.measure", f"--runs={options.runs}"]
    command.append(f"--only={options.only}")
    found: dict = {"pages": {}, "left_out": {}}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            page = json.loads(line)
            kind = "left_out" if "left_out" in page else "pages"
            found[kind][page["label"]] = page
            print(f"\r{path.stem}: {len(found['pages'])} pages", end="", flush=True)
    print()
    if process.returncode:
        sys.exit(process.returncode)
    return found


if __name__ == "__main__":
    main()
