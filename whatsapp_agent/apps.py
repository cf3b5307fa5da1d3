from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.contrib.auth.signals import user_logged_in

from whatsapp_agent import checks  # noqa: F401 (registers them)
from whatsapp_agent.auth import checks as auth_checks, sessions  # noqa: F401


class AgentConfig(AppConfig):
    name = "whatsapp_agent"

    def ready(self) -> None:
        user_logged_in.connect(sessions.bound)


class AgentAdminConfig(AdminConfig):
    default_site = "whatsapp_agent.admin.AgentAdminSite"

    def ready(self) -> None:
        super().ready()
        # Once each app has registered its own: these replace some of them.
        for name in ("people", "queue"):
            import_module(f"whatsapp_agent.{name}")
