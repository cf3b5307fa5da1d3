from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from whatsapp_agent.home import database
from whatsapp_agent.operations import backup, files
from whatsapp_agent.operations.copies import CopyError


class Command(BaseCommand):
    help = "Put a copy that `backup` made in the database's place. Stop web and worker first."
    # The database may be the reason why it is run.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser) -> None:
        parser.add_argument("copy", type=Path)
        parser.add_argument(
            "--force", action="store_true", help="Even while it is in use."
        )

    def handle(self, *, copy: Path, force: bool, **options) -> None:
        try:
            aside, count = backup.restore(copy, force=force)
        except (CopyError, OSError) as error:
            raise CommandError(str(error)) from error
        if aside:
            self.stdout.write(f"What was there before is now {aside}.")
        if unknown := backup.unknown_migrations():
            raise CommandError(
                "The copy is of a newer version than this one; install that. "
                f"Not known here: {', '.join(unknown)}."
            )
        call_command("migrate", verbosity=0)
        if problem := database.problem():
            raise CommandError(problem)
        backup.make_safe()
        self.stdout.write(self.style.SUCCESS(f"Restored from {copy}."))
        self._tell(count)
        self.stdout.write(
            "The agent is off, for it could repeat what it said after the copy was "
            "made. Start web and worker, wait until missed messages are in, and "
            "switch it on under Settings."
        )

    def _tell(self, count: int) -> None:
        if settings.MEDIA_BUCKET:
            return
        if count:
            self.stdout.write(f"{count} files that people sent were put back.")
        if missing := files.missing():
            self.stderr.write(
                f"{missing} files that it names are not in {settings.MEDIA_ROOT}."
            )
