from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def check_webhook_secrets(
    app_configs: list[AppConfig] | None, **kwargs: object
) -> list[CheckMessage]:
    found = []
    if not (settings.DEBUG or settings.WEBHOOK_SECRETS):
        found.append(
            Error(
                "WEBHOOK_SECRET is not set.",
                hint="Every webhook is refused, and Evolution does not send it again.",
                id="evolution.E001",
            )
        )
    if not all(secret.isascii() for secret in settings.WEBHOOK_SECRETS):
        found.append(
            Warning(
                "A webhook secret is not plain ASCII.",
                hint="Headers carry nothing else reliably: use letters and digits.",
                id="evolution.W001",
            )
        )
    if not settings.DEBUG and any(
        len(secret) < 32 for secret in settings.WEBHOOK_SECRETS
    ):
        found.append(
            Warning(
                "A webhook secret is short.",
                hint="Take 32 random letters and digits or more.",
                id="evolution.W004",
            )
        )
    return found


@register()
def check_evolution(
    app_configs: list[AppConfig] | None, **kwargs: object
) -> list[CheckMessage]:
    if not settings.EVOLUTION_URL:
        return [
            Warning(
                "EVOLUTION_URL is not set.",
                hint="Nothing can be sent. Set it, or SANDBOX=1 for a stand-in.",
                id="evolution.W002",
            )
        ]
    if not settings.EVOLUTION_API_KEY:
        return [
            Warning(
                "EVOLUTION_API_KEY is not set.",
                hint="Evolution API refuses every call without it.",
                id="evolution.W003",
            )
        ]
    return []
