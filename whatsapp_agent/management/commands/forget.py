"""Delete what a person said, everywhere."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from conversations import forgetting
from conversations.models import Contact


class Command(BaseCommand):
    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", help="The phone number, such as +5511988887777.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, number: str, yes: bool, **options: object) -> None:
        digits = "".join(filter(str.isdecimal, number))
        contact = Contact.objects.filter(phone_jid=f"{digits}@s.whatsapp.net").first()
        if contact is None:
            raise CommandError(f"Nobody with the number {number} has written here.")
        count = contact.messages.count()
        question = f"Delete what +{digits} said, {count} messages, for ever? [y/N] "
        if not yes and input(question).strip().lower() != "y":
            raise CommandError("Nothing was deleted.")
        wish = forgetting.ask(contact)
        forgetting.work(wish.pk)
        wish.refresh_from_db()
        self.stdout.write(
            f"{wish.texts} messages and {wish.prompts} prompts lost their texts."
            if wish.done_at
            else "The worker goes on with it: something is just being sent."
        )
