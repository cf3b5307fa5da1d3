import io
from datetime import datetime

import segno
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from conversations.whatsapp import BridgeError
from evolution import client, instances, provider
from evolution.models import Instance

NOTICE = "WhatsApp is reached through Evolution API (https://evolution-api.com)."
# What to do about a BridgeError, by its kind.
NEXT_STEPS = {
    "unreachable": "Is it running? Is EVOLUTION_URL right?",
    "not_evolution": "Is EVOLUTION_URL right?",
    "unauthorized": "Set EVOLUTION_API_KEY to Evolution's AUTHENTICATION_API_KEY.",
    "no_instance": "Make it with `manage.py instance create {name}`.",
    "name_taken": "Choose another name, or link it with `manage.py instance connect "
    "{name}`.",
    "not_connected": "Link it with `manage.py instance connect {name}`.",
    "already_connecting": "Scan the QR code instead: `manage.py instance connect "
    "{name}`. Or start over: `manage.py instance delete {name}`, then `manage.py "
    "instance create {name} --number ...`.",
    "no_answer": "Look with `manage.py instance status {name}` before trying again.",
    "not_gone": "Choose another name, or wait.",
}


class Command(BaseCommand):
    help = "Link a WhatsApp number through Evolution API, and look after the link."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = [
            "create",
            "status",
            "connect",
            "restart",
            "logout",
            "delete",
            "webhook",
        ]
        parser.add_argument("action", choices=actions)
        parser.add_argument("name", nargs="?", default=settings.EVOLUTION_INSTANCE)
        parser.add_argument(
            "--number",
            default="",
            help="The phone's number with its country code, to link by a pairing code.",
        )
        parser.add_argument(
            "--timeout", type=float, default=120, help="Seconds to wait for the phone."
        )
        parser.add_argument("--yes", action="store_true", help="Delete without asking.")

    def handle(self, *, action: str, name: str, **options: object) -> None:
        if not provider.is_configured():
            raise CommandError("Set EVOLUTION_URL and EVOLUTION_API_KEY first.")
        self.stdout.write(NOTICE)
        self.options = options
        try:
            getattr(self, action)(name)
        except BridgeError as error:
            hint = NEXT_STEPS.get(error.kind, "").format(name=name)
            raise CommandError(f"{error} {hint}".strip()) from error

    def create(self, name: str) -> None:
        link = instances.create(name, self._number())
        self._done(f"{name} is made, and its webhooks come to {settings.WEBHOOK_URL}.")
        if link.pairing_code:
            self._draw(link)
        self.stdout.write(f"Link a phone with `manage.py instance connect {name}`.")

    def status(self, name: str) -> None:
        found = instances.status(name)
        self.stdout.write(f"Evolution API {found.version or 'of unknown version'}")
        state = Instance.State(found.state).label
        phone = f"{found.phone_jid} {found.profile_name}".strip() or "no number yet"
        self.stdout.write(f"{name}: {state}, {phone}")
        self.stdout.write(f"Last webhook: {found.last_webhook_at or 'none yet'}")
        if found.webhook_problems:
            raise CommandError(
                "The webhook is not ours. "
                + " ".join(found.webhook_problems)
                + f" Run `manage.py instance webhook {name}`."
            )
        if found.state == Instance.State.OPEN:
            self._done("The webhook is ours: all is well.")
        else:
            self.stdout.write(f"Link it with `manage.py instance connect {name}`.")

    def connect(self, name: str) -> None:
        started_at = timezone.now()
        link = drawn = instances.Link(Instance.State.UNKNOWN)
        first = instances.connect(name, self._number())
        for link in instances.follow(name, first, self.options["timeout"]):
            codes = link.qr_code, link.pairing_code
            if any(codes) and codes != (drawn.qr_code, drawn.pairing_code):
                self._draw(link)
                drawn = link
        if link.state == Instance.State.OPEN:
            row = instances.refresh(name)
            self._done(f"{name} is linked to {row.phone_jid or 'a phone'}.")
        elif link.state == Instance.State.REFUSED:
            raise CommandError(
                "The limit of QR codes is reached. For new ones run "
                f"`manage.py instance connect {name}` again."
            )
        else:
            raise CommandError(self._why_not_linked(name, drawn, started_at))

    def restart(self, name: str) -> None:
        instances.restart(name)
        self._done(f"{name} restarts.")

    def logout(self, name: str) -> None:
        instances.logout(name)
        self._done(f"{name} is unlinked from its phone.")
        if not client.is_at_least(2, 3, 7):
            self.stdout.write(
                "This version of Evolution API receives nothing on an instance that is "
                "linked again: delete it and create it anew."
            )

    def delete(self, name: str) -> None:
        question = f"Delete {name}, and unlink its phone? [y/N] "
        if not self.options["yes"] and input(question).strip().lower() != "y":
            raise CommandError("Nothing was deleted.")
        instances.delete(name)
        self._done(f"{name} is deleted.")

    def webhook(self, name: str) -> None:
        needs_restart = instances.register_webhook(name)
        self._done(f"The webhooks of {name} come to {settings.WEBHOOK_URL}.")
        self.stdout.write("Evolution API must be able to reach that address.")
        if needs_restart:
            self.stdout.write(
                "Until it reconnects they carry media inside: run "
                f"`manage.py instance restart {name}`."
            )

    def _number(self) -> str:
        number = "".join(filter(str.isdecimal, self.options["number"]))
        if self.options["number"] and not 7 <= len(number) <= 15:
            raise CommandError("--number wants digits, the country code first.")
        return number

    def _draw(self, link: instances.Link) -> None:
        if link.pairing_code:
            code = f"{link.pairing_code[:4]}-{link.pairing_code[4:]}"
            self.stdout.write(f"\nPairing code: {code}")
            self.stdout.write(
                "On the phone: Linked devices, Link a device, Link with phone number."
            )
            return
        picture = io.StringIO()
        segno.make(link.qr_code).terminal(out=picture, compact=True)
        self.stdout.write(f"\n{picture.getvalue()}")
        self.stdout.write("On the phone: Linked devices, Link a device. Scan this.")

    def _why_not_linked(
        self, name: str, drawn: instances.Link, started_at: datetime
    ) -> str:
        if not (drawn.qr_code or drawn.pairing_code):
            return (
                "WhatsApp gave no QR code. Can Evolution API reach WhatsApp? If "
                "CONFIG_SESSION_PHONE_VERSION is set there, remove it."
            )
        row = Instance.objects.get(name=name)
        if row.webhook_at is None or row.webhook_at < started_at:
            return (
                f"Nobody linked a phone in time, and no webhook came to "
                f"{settings.WEBHOOK_URL}. Are we running, and can Evolution API reach "
                f"that address? `manage.py instance status {name}` says more."
            )
        return (
            "Nobody linked a phone in time. Run "
            f"`manage.py instance connect {name}` again."
        )

    def _done(self, text: str) -> None:
        self.stdout.write(self.style.SUCCESS(text))
