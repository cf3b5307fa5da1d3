from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from whatsapp_agent.operations import backup
from whatsapp_agent.operations.copies import CopyError


class Command(BaseCommand):
    help = (
        "Copy the database and what people sent while they are in use, verified, "
        "readable by you alone."
    )

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

        parser.add_argument(
            "--database-only",
            action="store_true",
            help="Without the files that people sent.",
        )

    def handle(
        self, *, folder: Path, keep: int | None, database_only: bool, **options
    ) -> None:
        if keep is not None and keep < 1:
            raise CommandError("--keep wants 1 or more.")
        try:
            with_files = not (database_only or settings.MEDIA_BUCKET)
            path, files = backup.back_up(folder, keep, with_files=with_files)
        except (CopyError, OSError, DatabaseError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(str(path))
        if files.lacking:
            self.stderr.write(
                f"{files.lacking} files that the database names are not in "
                f"{settings.MEDIA_ROOT}, or damaged there."
            )
        if settings.MEDIA_BUCKET:
            self.stderr.write(
                f"What people sent is in the bucket {settings.MEDIA_BUCKET}, which is "
                "not copied: switch on its own versions or backup."
            )
