from django.contrib import admin


class AgentAdminSite(admin.AdminSite):
    site_header = site_title = "WhatsApp agent"
    index_title = "Dashboard"
