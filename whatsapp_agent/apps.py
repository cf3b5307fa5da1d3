from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from whatsapp_agent import checks  # noqa: F401 (registers them)


class AgentConfig(AppConfig):
    name = "whatsapp_agent"


class AgentAdminConfig(AdminConfig):
    default_site = "whatsapp_agent.admin.AgentAdminSite"
