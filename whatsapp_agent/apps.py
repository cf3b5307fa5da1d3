from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AgentConfig(AppConfig):
    name = "whatsapp_agent"


class AgentAdminConfig(AdminConfig):
    default_site = "whatsapp_agent.admin.AgentAdminSite"
