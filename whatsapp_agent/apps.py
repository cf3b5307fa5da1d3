from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from whatsapp_agent import checks  # noqa: F401 (registers them)


class AgentConfig(AppConfig):
    name = "whatsapp_agent"


class AgentAdminConfig(AdminConfig):
    default_site = "whatsapp_agent.admin.AgentAdminSite"

    def ready(self) -> None:
        super().ready()
        # Once each app has registered its own: these replace some of them.
        for name in ("people", "queue"):
            import_module(f"whatsapp_agent.{name}")
