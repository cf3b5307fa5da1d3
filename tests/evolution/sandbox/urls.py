from django.contrib.admin import AdminSite, ModelAdmin
from django.urls import include, path

from conversations.models import Conversation
from evolution.sandbox import phone

site = AdminSite()
site.register(Conversation, ModelAdmin)
pages = (phone.urls(site) + site.get_urls(), "admin")
urlpatterns = [path("admin/", include(pages, namespace="admin"))]
