import stat

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from whatsapp_agent import env

SERVICES = ["django", "evolution-api", "oidc", "openai", "anthropic", "brightwrapper"]


@register
def check_secret_files(app_configs, **kwargs) -> list[CheckMessage]:
    """A secret that everybody on the machine can read is none."""
    files = [path for service in SERVICES if (path := env.secret_file(service))]
    files.append(settings.BASE_DIR / ".env")
    return [
        Error(
            f"{path} can be read by everybody.",
            hint=f"chmod o-rwx {path}",
            id="whatsapp_agent.E001",
        )
        for path in files
        if path.exists() and path.stat().st_mode & stat.S_IROTH
    ]
