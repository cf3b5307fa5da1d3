from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver

from evolution.sandbox import phone
from whatsapp_agent.overview import overview


class AgentAdminSite(admin.AdminSite):
    site_header = site_title = "WhatsApp agent"
    index_title = "Dashboard"

    def index(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        context = {"overview": overview(), **(extra_context or {})}
        return super().index(request, context)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = phone.urls(self) if settings.SANDBOX else []
        return [*own, *super().get_urls()]
