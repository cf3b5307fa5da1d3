from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from whatsapp_agent.operations import backup
from whatsapp_agent.operations.copies import CopyError


class Command(BaseCommand):
    help = "Copy the database while it is in use, verified, readable by you alone."

    def add_arguments(self, parser) -> None:
        parser.add_argument(
            "folder",
            nargs="?",
            type=Path,
            default=settings.BACKUP_DIR,
            help="Default: %(default)s",
        )
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help="Delete all but the newest N copies there; without it, none.",
        )

    def handle(self, *, folder: Path, keep: int | None, **options) -> None:
        if keep is not None and keep < 1:
            raise CommandError("--keep wants 1 or more.")
        try:
            path = backup.back_up(folder, keep)
        except (CopyError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(path))
        if not settings.MEDIA_BUCKET and settings.MEDIA_ROOT.is_dir():
            self.stderr.write(
                f"What people sent is not in it: copy {settings.MEDIA_ROOT} as well."
            )
