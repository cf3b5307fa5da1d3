from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from evolution.sandbox import phone
from llm.admin_live import live_part
from whatsapp_agent import more
from whatsapp_agent.architecture import views as architecture
from whatsapp_agent.auth.views import sign_out_address
from whatsapp_agent.home import views as home
from whatsapp_agent.home.connection import connection
from whatsapp_agent.lab import views as lab
from whatsapp_agent.navigation import navigation


class AgentAdminSite(admin.AdminSite):
    site_header = site_title = _("WhatsApp agent")
    index_title = _("Home")
    index_template = "admin/home/page.html"
    site_url = None

    def get_urls(self) -> list[URLPattern | URLResolver]:
        own = [
            path("more/", self.admin_view(self.more), name="more"),
            path("status/", self.admin_view(self.status), name="status"),
            *home.urls(self),
            *architecture.urls(self),
            *lab.urls(self),
        ]
        own += phone.urls(self) if settings.SANDBOX else []
        return [*own, *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict:
        context = super().each_context(request)
        if context["has_permission"]:
            context |= {"navigation": navigation(request), "connection": connection()}
        return context

    def login(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        context = {
            "provider": settings.OIDC_NAME if settings.SIGN_IN != "local" else "",
            # For the one account that may use its password: /admin/login/?local
            "local": settings.SIGN_IN != "oidc" or "local" in request.GET,
        }
        return super().login(request, context | (extra_context or {}))

    @method_decorator(never_cache)
    def logout(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        address = sign_out_address(request) if request.method == "POST" else ""
        response = super().logout(request, extra_context)
        if not address:
            return response
        # A page, not a redirect: the answer to a form may not lead to another site.
        return render(request, "admin/sign_out.html", {"address": address})

    def index(
        self, request: HttpRequest, extra_context: dict | None = None
    ) -> HttpResponse:
        context = {**home.context(request), **(extra_context or {})}
        return super().index(request, context)

    def more(self, request: HttpRequest) -> HttpResponse:
        """Every list that this person may open."""
        context = self.each_context(request)
        context |= {"title": _("More"), "sections": more.sections(context)}
        return render(request, "admin/more.html", context)

    def status(self, request: HttpRequest) -> HttpResponse:
        """The state of the connection, for the head of every page."""
        return live_part(request, "admin/_status.html", {"connection": connection()})
