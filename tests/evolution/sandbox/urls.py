from django.contrib import admin
from django.urls import include, path

from evolution.sandbox import phone

# As in an installation whose settings name no bridge.
pages = (phone.urls(admin.site) + admin.site.get_urls(), "admin")
urlpatterns = [path("admin/", include(pages, namespace="admin"))]
