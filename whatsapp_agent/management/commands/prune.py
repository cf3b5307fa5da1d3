import shutil
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.template.defaultfilters import filesizeformat

from conversations import prune
from conversations.media import deleting
from conversations.models import AgentSettings
from whatsapp_agent.retention import KINDS


class Command(BaseCommand):
    help = (
        "Delete what has been kept for as long as the settings say. Safe while the agent"
        " runs, and to repeat or interrupt; the worker does it once a day by itself."
    )

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="Only say what would be deleted."
        )
        parser.add_argument(
            "--if-due",
            action="store_true",
            help="Leave out what was done within a day, or is just being done.",
        )
        parser.add_argument(
            "--vacuum",
            action="store_true",
            help="Then make SQLite's file as small as it can be. Webhooks have to wait"
            " meanwhile: stop the agent before.",
        )

    def handle(
        self, *, dry_run: bool, if_due: bool, vacuum: bool, verbosity: int, **options
    ) -> None:
        self.is_quiet = verbosity == 0
        agent = AgentSettings.load()
        for kind in KINDS:
            if dry_run:
                self._say(_counted(kind.name, prune.count(kind, agent)))
            else:
                walk = prune.prune(kind, agent, only_if_due=if_due)
                self._say(_walked(kind.name, walk))
        if not dry_run:
            self._say(f"{deleting.sweep(everything=not if_due)} files deleted")
        if connection.vendor == "sqlite" and not self.is_quiet:
            if vacuum and not dry_run:
                self._vacuum()
            self._say(f"The file has {filesizeformat(_free_bytes())} to fill again.")

    def _vacuum(self) -> None:
        path = Path(connection.settings_dict["NAME"])
        if shutil.disk_usage(path.parent).free < 2 * path.stat().st_size:
            raise CommandError("It takes twice the size of the file, for a while.")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")

    def _say(self, line: str) -> None:
        if not self.is_quiet:
            self.stdout.write(line)


def _counted(name: str, found: int | None) -> str:
    if found is None:
        return f"{name}: kept for ever"
    return f"{name}: {found} would be deleted"


def _walked(name: str, walk: prune.Walk | None) -> str:
    if walk is None:
        return f"{name}: nothing to do"
    held = sorted(walk.pace.held) or [0.0]
    return (
        f"{name}: {walk.deleted} deleted in {len(walk.pace.held)} transactions of"
        f" {1000 * held[len(held) // 2]:.1f} ms, the longest {1000 * held[-1]:.1f} ms"
    )


def _free_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT freelist_count * page_size"
            " FROM pragma_freelist_count, pragma_page_size"
        )
        return cursor.fetchone()[0]
