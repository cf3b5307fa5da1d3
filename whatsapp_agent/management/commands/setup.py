from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand

from conversations.knowledge import texts
from conversations.models import Conversation, KnowledgeText, Mode
from evolution.sandbox.demo import CABIN, FACTS, GROUP_JID
from whatsapp_agent import env


class Command(BaseCommand):
    help = "Prepare this installation: database, static files, a first person. Safe to repeat."

    def handle(self, **options) -> None:
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        if password := env.string("ADMIN_PASSWORD"):
            self._make_admin(password)
        if settings.SANDBOX:
            self._open_sandbox()

    def _make_admin(self, password: str) -> None:
        people = get_user_model().objects
        if not people.filter(is_superuser=True).exists():
            people.create_superuser("admin", password=password)

    def _open_sandbox(self) -> None:
        """Real groups start in shadow; in the sandbox's one the agent may speak."""
        self.stdout.write(
            "No bridge is configured: the sandbox stands in for WhatsApp."
        )
        _, is_new = Conversation.objects.get_or_create(
            instance=settings.EVOLUTION_INSTANCE,
            jid=GROUP_JID,
            defaults={"is_group": True, "mode": Mode.LIVE, "instructions": FACTS},
        )
        if is_new:
            texts.save(KnowledgeText(title="The cabin"), CABIN, None)
