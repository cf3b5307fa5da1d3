from django.apps import AppConfig


class SandboxConfig(AppConfig):
    name = "evolution.sandbox"
    label = "sandbox"
