"""Upgrade a large database while webhooks come in, and count what was refused or lost.

The database is brought back to an older state, and a web server takes webhooks in while
`manage.py migrate` brings it forward again. With `--from` that server runs the code of
an older commit, as in a real upgrade, and today's takes its place afterwards. Whatever is
not answered 200 is repeated, as Evolution does it.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import large
from bench.large import ROOT, Deliveries, environment, manage, missing, serving
from bench.systems import free_port

OLDEST = ("conversations", "0002")
LEAVES = """
from django.db import connection
from django.db.migrations.loader import MigrationLoader
print(*(" ".join(leaf) for leaf in MigrationLoader(connection).graph.leaf_nodes()), sep="\\n")
"""


@dataclass(frozen=True)
class Upgraded:
    migrated_in: float  # seconds
    deliveries: Deliveries
    lost: set[str]  # answered 200, but not stored as messages

    def __str__(self) -> str:
        made = self.deliveries
        refused = ", ".join(f"{n} x {status}" for status, n in made.refused.items())
        return (
            f"The migrations took {self.migrated_in:.1f} s.\n"
            f"Taken in: {len(made.stored)} webhooks, the slowest was answered after"
            f" {max(made.seconds):.1f} s.\n"
            f"Answered otherwise (0: not at all), and repeated: {refused or 'none'}.\n"
            f"Refused for good: {len(made.dropped)}. Lost: {len(self.lost)}."
        )


def upgrade(database: Path, rate: float = 20, old: Path = ROOT) -> Upgraded:
    """Of a database in its older state; `old` is the folder of the code from before."""
    port = free_port()
    made = Deliveries(f"http://127.0.0.1:{port}/api/webhook/evolution", rate)
    with serving(port, environment(database), old):
        made.start()
        time.sleep(2)
        started_at = time.monotonic()
        manage(database, "migrate", "--verbosity=0")
        migrated_in = time.monotonic() - started_at
        time.sleep(2)
        if old == ROOT:
            made.stop()
    if old != ROOT:
        time.sleep(1)  # a restart
        with serving(port, environment(database), ROOT):
            time.sleep(2)
            made.stop()
    return Upgraded(migrated_in, made, missing(database, made.stored))


@contextmanager
def _checked_out(commit: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "old"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", "-f", folder, commit], check=True)
        try:
            yield folder
        finally:
            subprocess.run([*git, "remove", "--force", folder], check=True)


def _states(folder: Path, database: Path) -> list[list[str]]:
    """The last migration of each app, as the code in that folder has them."""
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", LEAVES]
    told = subprocess.run(
        command,
        cwd=folder,
        env=environment(database),
        check=True,
        capture_output=True,
        text=True,
    )
    return [line.split() for line in told.stdout.splitlines()]


def main() -> None:
    parser = large.arguments("python -m bench.upgrade", __doc__)
    parser.add_argument("--from", dest="commit", help="Of the code to upgrade from.")
    options = parser.parse_args()
    with large.database(options) as database:
        if options.commit:
            with _checked_out(options.commit) as old:
                for state in _states(old, database):
                    manage(database, "migrate", "--verbosity=0", *state)
                print(upgrade(database, options.rate, old))
        else:
            manage(database, "migrate", "--verbosity=0", *OLDEST)
            print(upgrade(database, options.rate))


if __name__ == "__main__":
    main()
