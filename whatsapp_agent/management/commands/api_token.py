from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from whatsapp_agent.auth import api_tokens
from whatsapp_agent.models import ApiToken


class Command(BaseCommand):
    help = "Make, list and revoke the tokens with which programs call the API."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        make = actions.add_parser("make", help="Print a new token, and a curl with it.")
        make.add_argument("name", help="What the token is for.")
        make.add_argument("--user", help="In whose name. Default: the first superuser.")
        make.add_argument("--role", default="viewer", help="What it may do at most.")
        make.add_argument("--days", type=int, help="How long. Default: until revoked.")
        actions.add_parser("list", help="Who has which.")
        revoke = actions.add_parser("revoke", help="Make one useless at once.")
        revoke.add_argument("name")

    def handle(self, *, action: str, **options) -> None:
        getattr(self, action)(**options)

    def make(self, *, name: str, user: str, role: str, days: int, **options) -> None:
        if not Group.objects.filter(name=role).exists():
            roles = ", ".join(Group.objects.values_list("name", flat=True))
            raise CommandError(f"There is no role {role}; there are {roles}.")
        expires_at = timezone.now() + timedelta(days=days) if days else None
        try:
            _, token = api_tokens.make(name, self._person(user), role, expires_at)
        except IntegrityError as error:
            raise CommandError(f"There is a token {name}: revoke it first.") from error
        self.stdout.write("Keep it: it is not shown again.\n\n")
        self.stdout.write(f"{token}\n\nTry it:\n\n")
        address = f"{settings.SITE_URL}{reverse('api:conversations')}"
        self.stdout.write(f'curl -H "Authorization: Bearer {token}" {address}')

    def list(self, **options) -> None:
        for row in ApiToken.objects.select_related("user").order_by("name"):
            end = f"until {row.expires_at:%Y-%m-%d}" if row.expires_at else "for ever"
            self.stdout.write(f"{row.name}: {row.role}, of {row.user}, {end}")

    def revoke(self, *, name: str, **options) -> None:
        if not ApiToken.objects.filter(name=name).delete()[0]:
            raise CommandError(f"There is no token {name}.")
        self.stdout.write(self.style.SUCCESS(f"{name} is revoked."))

    def _person(self, name: str | None) -> User:
        people = User.objects.filter(is_active=True, is_staff=True)
        wanted = {"username": name} if name else {"is_superuser": True}
        person = people.filter(**wanted).order_by("pk").first()
        if person is None:
            raise CommandError(
                "There is no such member of staff: name one with --user."
            )
        return person
