from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from whatsapp_agent.api import api
from whatsapp_agent.operations.health import live, ready
from whatsapp_agent.operations.metrics import metrics

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("dashboard", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", api.urls),
    path("oidc/", include("whatsapp_agent.auth.urls")),
    path("healthz", live),
    path("readyz", ready),
    path("metrics", metrics),
]
