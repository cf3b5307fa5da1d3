"""Settings for every environment: defaults for a laptop, the rest from the environment."""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url
from csp import constants as csp
from django.core.exceptions import ImproperlyConfigured
from dotenv import load_dotenv

from whatsapp_agent import env

BASE_DIR = Path(__file__).resolve().parent.parent
load_dotenv(BASE_DIR / ".env")

DEBUG = env.boolean("DEBUG")
# django-q2 signs pickled tasks with this key: who knows it can run code here.
SECRET_KEY = env.secret(
    "SECRET_KEY", "django", "secret_key", "only-for-debugging" if DEBUG else ""
)
if not SECRET_KEY:
    raise ImproperlyConfigured(
        "SECRET_KEY is not set. `make run` writes one into .env; "
        "in production set it in the environment or in a credential."
    )

# Where people and Evolution reach us. Hosts, cookies and redirects follow from it.
SITE_URL = env.string("SITE_URL", "http://localhost:9208").rstrip("/")
_site = urlsplit(SITE_URL)
ALLOWED_HOSTS = [
    _site.hostname,
    *env.strings("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]"),
]
CSRF_TRUSTED_ORIGINS = [SITE_URL]
SECURE = _site.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE and env.boolean("SSL_REDIRECT", True)
# Asked on this machine, over http; Evolution would follow with a GET, and lose the event.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$", r"^api/webhook/"]
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE
if env.boolean("BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Strangers' text is shown to signed-in staff: the browser runs only our own files.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [csp.NONE],
        "script-src": [csp.SELF],
        "style-src": [csp.SELF],
        "img-src": [csp.SELF],
        "media-src": [csp.SELF],
        "font-src": [csp.SELF],
        "connect-src": [csp.SELF],
        "form-action": [csp.SELF],
        "base-uri": [csp.NONE],
        "frame-ancestors": [csp.NONE],
    }
}

INSTALLED_APPS = [
    "whatsapp_agent.apps.AgentConfig",
    "conversations",
    "evolution",
    "evolution.sandbox",
    "llm",
    "whatsapp_agent.apps.AgentAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "django_q",
    "ninja",
]
MIDDLEWARE = [
    "evolution.middleware.take_webhooks",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # The last: it puts its page in the place of ours.
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "whatsapp_agent.urls"
WSGI_APPLICATION = "whatsapp_agent.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {
    "default": dj_database_url.config(
        default=f"sqlite:///{BASE_DIR / 'db.sqlite3'}", conn_max_age=None
    )
}
IS_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
if IS_SQLITE:
    DATABASES["default"]["ENGINE"] = "whatsapp_agent.sqlite"
    # FULL: a webhook that was answered 200 survives a power cut.
    # NORMAL is faster and survives only the crash of a process.
    SQLITE_SYNCHRONOUS = env.string("SQLITE_SYNCHRONOUS", "FULL").upper()
    if SQLITE_SYNCHRONOUS not in {"NORMAL", "FULL", "EXTRA"}:
        raise ImproperlyConfigured("SQLITE_SYNCHRONOUS must be NORMAL, FULL or EXTRA.")
    # By our backend, which lets others write meanwhile.
    DATABASES["default"]["WAITS_FOR_DISK"] = SQLITE_SYNCHRONOUS != "NORMAL"
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        # Take the write lock up front: a transaction that starts with a read
        # cannot wait for the lock later, it fails with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "init_command": (
            "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;"
            "PRAGMA mmap_size=134217728;PRAGMA cache_size=-4000;"
            "PRAGMA journal_size_limit=67108864;PRAGMA temp_store=MEMORY"
        ),
    }
else:
    # A host that is gone answers nothing; the next attempt may find it moved.
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
# Beside SQLite's database: webhooks that were acknowledged and are not yet in it.
_file = str(DATABASES["default"]["NAME"])
INBOX = f"{_file}-inbox" if IS_SQLITE and _file != ":memory:" else ""
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Wake-ups for the worker. They may be lost or repeated: the database is the truth.
REDIS_URL = env.string("REDIS_URL")
# A processor is left to the webhooks, which are answered first.
WORKER_PROCESSES = int(
    env.number("WORKER_PROCESSES", min(2, max(1, (os.cpu_count() or 1) - 1)), least=1)
)
WORKER_THREADS = int(
    env.number("WORKER_THREADS", max(1, 64 // WORKER_PROCESSES), least=1)
)
Q_CLUSTER = {
    "name": "whatsapp-agent",
    "workers": WORKER_PROCESSES,
    "queue_limit": WORKER_PROCESSES,
    "poll": 0.01 if IS_SQLITE else 0.05,
    # A task only hands its conversation to a thread; longer means that the pool is full.
    "timeout": 600,
    "retry": 3600,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    "recycle": 50_000,
    "guard_cycle": 0.5,
    "scheduler": False,
    "log_level": env.string("QUEUE_LOG_LEVEL", "WARNING"),
    **(
        {"redis": REDIS_URL}
        if REDIS_URL
        else {"orm": "default", "broker_class": "conversations.broker.WakeUpBroker"}
    ),
}
# Seconds that a worker may work on a conversation without renewing its claim.
LEASE_SECONDS = env.number("LEASE_SECONDS", 30, least=1)
# Before a message on whose account workers died is tried again, doubled each time: what
# killed them may have been something else, and over by then.
SUSPECT_SECONDS = 10
# Where the worker keeps the locks that prove which of its processes are alive.
RUN_DIR = Path(env.string("RUN_DIR", str(BASE_DIR / "run")))

# What people send. Only a view that asks for permission hands it out again.
MEDIA_ROOT = Path(env.string("MEDIA_ROOT", str(BASE_DIR / "media")))
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
# A bucket in their place, of Amazon's or of any server that speaks S3.
MEDIA_BUCKET = env.string("MEDIA_BUCKET")
_storage: dict = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
if MEDIA_BUCKET:
    _storage = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": MEDIA_BUCKET,
            "endpoint_url": env.secret("MEDIA_S3_URL", "media-s3", "url") or None,
            "region_name": env.string("MEDIA_S3_REGION") or None,
            # Without them, the machine's own role.
            "access_key": env.secret("MEDIA_S3_KEY", "media-s3", "access_key") or None,
            "secret_key": env.secret("MEDIA_S3_SECRET", "media-s3", "secret_key")
            or None,
            "location": env.string("MEDIA_S3_FOLDER"),
            "default_acl": None,
            "file_overwrite": False,
            # What is read of a larger one waits on the disk.
            "max_memory_size": 2_000_000,
        },
    }
STORAGES = {
    "default": _storage,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

BACKUP_DIR = Path(env.string("BACKUP_DIR", str(BASE_DIR / "backups")))

# WhatsApp through Evolution API, or through the sandbox where none is configured.
WHATSAPP_PROVIDERS = {"evolution": "evolution.provider"}
EVOLUTION_URL = env.secret("EVOLUTION_URL", "evolution-api", "url").rstrip("/")
EVOLUTION_API_KEY = env.secret("EVOLUTION_API_KEY", "evolution-api", "api_key")
EVOLUTION_INSTANCE = env.string("EVOLUTION_INSTANCE", "whatsapp-agent")
# WhatsApp may be silent for 60 s before Evolution answers.
EVOLUTION_SEND_TIMEOUT = env.number("EVOLUTION_SEND_TIMEOUT", 70)
# An unknown send is looked up only when its request can no longer be under way.
RECONCILE_SECONDS = env.number("RECONCILE_SECONDS", EVOLUTION_SEND_TIMEOUT + 20)
WEBHOOK_URL = env.string("WEBHOOK_URL", f"{SITE_URL}/api/webhook/evolution")
# How often to look in Evolution's record for messages that no webhook told of.
MISSED_SEARCH_MINUTES = env.number("MISSED_SEARCH_MINUTES", 5, least=0.01)
# A bridge that is silent for so long while its record goes on is mended.
WATCHDOG_MINUTES = env.number("WATCHDOG_MINUTES", 10, least=0.01)
# The current secret first; a second one stays valid while it is being rotated.
WEBHOOK_SECRETS = [
    value
    for value in (
        env.secret("WEBHOOK_SECRET", "evolution-api", "webhook_secret"),
        env.secret(
            "WEBHOOK_SECRET_PREVIOUS", "evolution-api", "webhook_secret_previous"
        ),
    )
    if value
]
WEBHOOK_MAX_BYTES = int(env.number("WEBHOOK_MAX_BYTES", 5_000_000))
DATA_UPLOAD_MAX_MEMORY_SIZE = WEBHOOK_MAX_BYTES
SANDBOX = env.boolean("SANDBOX", not EVOLUTION_URL)
SANDBOX_PORT = int(env.number("SANDBOX_PORT", 9209))
if SANDBOX:
    EVOLUTION_URL = f"http://127.0.0.1:{SANDBOX_PORT}"
    EVOLUTION_API_KEY = EVOLUTION_API_KEY or "sandbox"

# Connections of the model providers; which of them answers is chosen in the admin.
LLM_PROVIDERS = {
    "scripted": {},
    "openai": {
        "url": env.secret("OPENAI_URL", "openai", "url", "https://api.openai.com/v1"),
        "api_key": env.secret("OPENAI_API_KEY", "openai", "api_key"),
    },
    "anthropic": {
        "url": env.secret(
            "ANTHROPIC_URL", "anthropic", "url", "https://api.anthropic.com/v1"
        ),
        "api_key": env.secret("ANTHROPIC_API_KEY", "anthropic", "api_key"),
    },
    # BrightWrapper publishes its address, its header and that it chooses the model.
    # Body and response path are ours to configure; `manage.py llm check` helps.
    "template": {
        "url": env.secret(
            "BRIGHTWRAPPER_URL",
            "brightwrapper",
            "url",
            "https://brightwrapper.com/api/chat",
        ),
        "api_key": env.secret("BRIGHTWRAPPER_API_KEY", "brightwrapper", "api_key"),
        "header": env.string("BRIGHTWRAPPER_HEADER", "X-API-Key"),
        "prefix": env.string("BRIGHTWRAPPER_PREFIX"),
        "body": env.string(
            "BRIGHTWRAPPER_BODY",
            '{"project_name": "$project", "system_prompt": "$system",'
            ' "messages": "$messages", "temperature": "$temperature"}',
        ),
        "response_path": env.string("BRIGHTWRAPPER_RESPONSE_PATH"),
        "tokens_in_path": env.string("BRIGHTWRAPPER_TOKENS_IN_PATH"),
        "tokens_out_path": env.string("BRIGHTWRAPPER_TOKENS_OUT_PATH"),
        "model_path": env.string("BRIGHTWRAPPER_MODEL_PATH"),
    },
}

# Any server that speaks OpenAI's audio transcriptions. The key of the models goes to the
# models' address only.
_transcription_url = env.secret("TRANSCRIPTION_URL", "transcription", "url")
TRANSCRIPTION = {
    "url": _transcription_url or LLM_PROVIDERS["openai"]["url"],
    "api_key": env.secret("TRANSCRIPTION_API_KEY", "transcription", "api_key")
    or ("" if _transcription_url else LLM_PROVIDERS["openai"]["api_key"]),
}

# Who signs in how: local (by password), oidc (through a provider), or both.
OIDC_ISSUER = env.secret("OIDC_ISSUER", "oidc", "issuer")
SIGN_IN = env.string("SIGN_IN", "both" if OIDC_ISSUER else "local")
# Where only the provider lets people in: the one account that may use its password.
BREAK_GLASS_USERNAME = env.string("BREAK_GLASS_USERNAME")
SESSION_COOKIE_AGE = int(env.number("SESSION_HOURS", 12) * 3600)
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "whatsapp_agent.auth.backends.LocalBackend",
    "whatsapp_agent.auth.backends.ProviderBackend",
]

# Any OpenID Connect provider. What is not set here it publishes itself (discovery).
OIDC_IS_COGNITO = OIDC_ISSUER.startswith("https://cognito-idp.")
OIDC_NAME = env.string(
    "OIDC_NAME", "Cognito" if OIDC_IS_COGNITO else urlsplit(OIDC_ISSUER).hostname or ""
)
OIDC_DISCOVERY_URL = env.string(
    "OIDC_DISCOVERY_URL", f"{OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration"
)
OIDC_ENDPOINTS = {
    name: env.string(f"OIDC_{name.upper()}")
    for name in (
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "end_session_endpoint",
    )
}
OIDC_RP_CLIENT_ID = env.secret("OIDC_CLIENT_ID", "oidc", "client_id")
OIDC_RP_CLIENT_SECRET = env.secret("OIDC_CLIENT_SECRET", "oidc", "client_secret")
OIDC_TOKEN_USE_BASIC_AUTH = env.boolean("OIDC_BASIC_AUTH")
OIDC_RP_SCOPES = env.string("OIDC_SCOPES", "openid email profile")
OIDC_RP_SIGN_ALGO = env.string("OIDC_ALGORITHM", "RS256")
OIDC_USE_PKCE = OIDC_USE_NONCE = True
OIDC_TIMEOUT = env.number("OIDC_TIMEOUT", 5)
OIDC_LEEWAY = env.number("OIDC_LEEWAY", 60)
OIDC_REQUIRE_TOKEN_USE = env.boolean("OIDC_REQUIRE_TOKEN_USE", OIDC_IS_COGNITO)
OIDC_REQUIRE_VERIFIED_EMAIL = env.boolean("OIDC_REQUIRE_VERIFIED_EMAIL", True)
OIDC_EMAIL_CLAIM = env.string("OIDC_EMAIL_CLAIM", "email")
OIDC_GROUPS_CLAIM = env.string(
    "OIDC_GROUPS_CLAIM", "cognito:groups" if OIDC_IS_COGNITO else "groups"
)
# Ask userinfo for what the ID token lacks. Cognito's has no groups.
OIDC_USERINFO = env.boolean("OIDC_USERINFO", not OIDC_IS_COGNITO)
OIDC_LOGOUT = env.string("OIDC_LOGOUT", "cognito" if OIDC_IS_COGNITO else "standard")
OIDC_STORE_ID_TOKEN = OIDC_LOGOUT == "standard"  # to be shown when signing out
# The provider's groups that hold a role of ours.
OIDC_ROLES = {
    role: env.strings(f"OIDC_{role.upper()}_GROUPS", f"whatsapp-agent-{role}")
    for role in ("viewer", "operator", "admin")
}
OIDC_SUPERUSER_GROUPS = env.strings("OIDC_SUPERUSER_GROUPS")
# The app clients whose access tokens may call the API, and the scopes that hold a role.
OIDC_API_CLIENTS = env.strings("OIDC_API_CLIENTS")
OIDC_API_AUDIENCE = env.string("OIDC_API_AUDIENCE")
OIDC_SCOPE_ROLES = {
    role: env.strings(f"OIDC_{role.upper()}_SCOPES", f"whatsapp-agent/{role}")
    for role in OIDC_ROLES
}

# Ten failures from one address, by either way, and it waits.
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = ["ip_address"]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_CLIENT_IP_CALLABLE = "whatsapp_agent.auth.throttle.address"
AXES_USERNAME_CALLABLE = "whatsapp_agent.auth.throttle.username"
AXES_LOCKOUT_CALLABLE = "whatsapp_agent.auth.throttle.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "code", "state"]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

# Who is told when the bridge falls silent; nobody without a server to send through.
STAFF_EMAILS = env.strings("STAFF_EMAILS")
EMAIL_HOST = env.secret("EMAIL_HOST", "email", "host")
EMAIL_PORT = int(env.number("EMAIL_PORT", 587))
EMAIL_HOST_USER = env.secret("EMAIL_USER", "email", "user")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_PASSWORD", "email", "password")
EMAIL_USE_SSL = EMAIL_PORT == 465
EMAIL_USE_TLS = env.boolean("EMAIL_TLS", True) and not EMAIL_USE_SSL
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.string("EMAIL_FROM", EMAIL_HOST_USER or "agent@localhost")

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = env.string("LANGUAGE_CODE", "en-us")
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.string("TIME_ZONE", "UTC")
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]

# Who may read /metrics and the reasons in /readyz; without it, this machine.
METRICS_TOKEN = env.string("METRICS_TOKEN")

LOG_FORMAT = env.string("LOG_FORMAT", "text")
if LOG_FORMAT not in {"text", "json"}:
    raise ImproperlyConfigured("LOG_FORMAT must be text or json.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "about": {"()": "conversations.logs.About"},
        "told": {"()": "whatsapp_agent.logs.ToldElsewhere"},
    },
    "formatters": {
        "text": {"()": "whatsapp_agent.logs.TextFormatter"},
        "json": {"()": "whatsapp_agent.logs.JSONFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": LOG_FORMAT,
            "filters": ["about"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.string("LOG_LEVEL", "INFO")},
    "loggers": {
        "django-q": {"level": Q_CLUSTER["log_level"]},
        "django.request": {"filters": ["told"]},
    },
}
