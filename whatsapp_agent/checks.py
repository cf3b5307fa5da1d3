import sqlite3
import stat
from contextlib import closing

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


@register
def check_full_text_search(app_configs, **kwargs) -> list[CheckMessage]:
    """Messages and texts are searched by SQLite's own index, which is built in or not."""
    if not settings.IS_SQLITE:
        return []
    try:
        with closing(sqlite3.connect(":memory:")) as probe:
            probe.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
    except sqlite3.OperationalError as error:
        return [
            Error(
                f"This SQLite has no full-text search ({error}).",
                hint="Use a Python whose SQLite has FTS5, or PostgreSQL (DATABASE_URL).",
                id="whatsapp_agent.E002",
            )
        ]
    return []
