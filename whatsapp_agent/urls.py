from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import RedirectView

from whatsapp_agent.api import api, not_found
from whatsapp_agent.operations.health import live, ready
from whatsapp_agent.operations.metrics import metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("dashboard", RedirectView.as_view(pattern_name="admin:index")),
    path("architecture", RedirectView.as_view(pattern_name="admin:architecture")),
    path("favicon.ico", RedirectView.as_view(url=static("admin/icon.svg"))),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    re_path("^api/", csrf_exempt(not_found)),
    path("oidc/", include("whatsapp_agent.auth.urls")),
    path("healthz", live),
    path("readyz", ready),
    path("metrics", metrics),
]
