"""Every knob, read once from the environment and refused loudly when it is wrong."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from cocoonmail.kit.keyfile import read_or_make_keys

PACKAGE = Path(__file__).resolve().parent


def environment_int(name: str, default: int, low: int, high: int) -> int:
    """A whole number from the environment, within its limits."""
    text = os.environ.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ImproperlyConfigured(f"{name} must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)


def environment_flag(name: str) -> bool:
    """An on/off switch from the environment: 1 or 0, off when it is absent."""
    text = os.environ.get(name, "0")
    if text not in ("0", "1"):
        raise ImproperlyConfigured(f"{name} must be 0 or 1, not {text!r}.")
    return text == "1"


def environment_choice(name: str, *choices: str) -> str:
    """One of a few words from the environment, in capitals or not; the first where it is absent."""
    text = os.environ.get(name, choices[0])
    for choice in choices:
        if text.lower() == choice.lower():
            return choice
    raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {text!r}.")


def listening_address() -> str:
    """Where this installation's web process listens, for the commands beside it; "" before its first start."""
    try:
        return (DATA / "address").read_text()
    except OSError:
        return ""


def base_url() -> str:
    """The address at which people and Stripe reach this installation, without a slash at the end."""
    url = (os.environ.get("COCOONMAIL_URL") or listening_address() or "http://127.0.0.1:8000").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise ImproperlyConfigured(f"COCOONMAIL_URL must look like https://mail.example.com, not {url!r}.")
    return url


def sqlite(path: Path) -> dict[str, Any]:
    """SQLite for one machine. `synchronous=FULL` keeps what was acknowledged through a power cut: never lower it."""
    return {
        "ENGINE": "cocoonmail.kit.sqlite",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # Pages of 8 KiB hold four webhooks where 4 KiB hold two: a quarter less to write. For new databases only.
            "init_command": "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            # A checkpoint every 32 MB instead of every 4: each waits for the disk twice more.
            " PRAGMA cache_size=-64000; PRAGMA wal_autocheckpoint=4000;"
            " PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;",
        },
    }


def database(data: Path) -> dict[str, Any]:
    """PostgreSQL where DATABASE_URL names it, else SQLite in the data folder."""
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return sqlite(data / "cocoonmail.sqlite3")
    config: dict[str, Any] = dict(dj_database_url.parse(url))
    if not config.get("ENGINE", "").endswith(("postgresql", "sqlite3")):
        raise ImproperlyConfigured("DATABASE_URL must start with postgres:// or sqlite:///.")
    if config["ENGINE"].endswith("sqlite3"):
        return sqlite(Path(config["NAME"]))
    return postgres(config)


def postgres(config: dict[str, Any]) -> dict[str, Any]:
    """PostgreSQL for any number of machines, as DATABASE_URL names it; its query can say otherwise, as `?sslmode=…`.

    A server whose machine vanished is noticed within some seconds, where the system would try for a quarter of an hour.
    """
    return config | {
        "CONN_HEALTH_CHECKS": True,
        # A cursor on the server lives for a transaction, and the next one may have another server behind a pooler.
        "DISABLE_SERVER_SIDE_CURSORS": DATABASE_POOLER,
        "OPTIONS": {
            "application_name": "cocoonmail",
            "connect_timeout": 2,  # Seconds
            "keepalives_idle": 5,  # Seconds
            "keepalives_interval": 2,  # Seconds
            "keepalives_count": 3,
            "tcp_user_timeout": 5000,  # Milliseconds
            # After how many times a statement is prepared, if its cursor binds on the server; Django's do not.
            "prepare_threshold": None if DATABASE_POOLER else 5,
            **config.get("OPTIONS", {}),
        },
    }


def allowed_hosts(url: str) -> list[str]:
    """The host of COCOONMAIL_URL and, for a local installation, the names by which a machine calls itself."""
    host = urlsplit(url).hostname or ""
    extra = [name for name in os.environ.get("COCOONMAIL_HOSTS", "").split(",") if name]
    local = ["127.0.0.1", "localhost", "[::1]"] if is_local(host) else []
    return list(dict.fromkeys([host, *local, *extra]))


def is_local(host: str) -> bool:
    """Whether a host name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def metrics_token() -> str:
    """What a program has to send to read the metrics; "" lets only programs on this machine read them."""
    token = os.environ.get("COCOONMAIL_METRICS_TOKEN", "")
    if token and (len(token) < 16 or not token.isascii() or not token.isprintable() or " " in token):
        raise ImproperlyConfigured("COCOONMAIL_METRICS_TOKEN must be 16 or more letters, digits or signs, unguessable.")
    return token


def api_url(name: str, default: str) -> str:
    """Where a platform's API is, without a slash at the end."""
    url = os.environ.get(name, default).rstrip("/")
    parts = urlsplit(url)
    if (parts.scheme != "https" and not is_local(parts.hostname or "")) or parts.query or parts.fragment:
        raise ImproperlyConfigured(f"{name} must look like {default}, not {url!r}: keys travel over TLS only.")
    return url


DATA = Path(os.environ.get("COCOONMAIL_DATA", "data")).resolve()
BASE_URL = base_url()
SECURE = BASE_URL.startswith("https://")
LOCAL = is_local(urlsplit(BASE_URL).hostname or "")  # Nothing but this machine is meant to reach this installation
METRICS_TOKEN = metrics_token()
DEBUG = False

# The newest key comes first and is the one that new secrets are written with; the older ones still open what is there.
SECRET_KEYS = read_or_make_keys(DATA / "secret.key", os.environ.get("COCOONMAIL_SECRET_KEY", ""))
SECRET_KEY = SECRET_KEYS[0]
SECRET_KEY_FALLBACKS = SECRET_KEYS[1:]

ALLOWED_HOSTS = allowed_hosts(BASE_URL)

# A pooler that gives each transaction another connection (PgBouncer's transaction mode) stands before PostgreSQL.
DATABASE_POOLER = environment_flag("COCOONMAIL_DATABASE_POOLER")
# How many connections the pages of a web process share, and how many seconds a statement of web or worker may take.
DATABASE_CONNECTIONS = environment_int("COCOONMAIL_DATABASE_CONNECTIONS", 10, 1, 1000)
DATABASE_STATEMENT_SECONDS = environment_int("COCOONMAIL_DATABASE_STATEMENT_SECONDS", 30, 1, 3600)
# Each page is made on a thread of its own: a connection that was kept would never be used again. Threads that last, of
# the door and the worker, keep theirs (kit.connections).
DATABASES = {"default": {**database(DATA), "CONN_MAX_AGE": 0}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Where the platforms' own APIs are, which only a backfill asks.
PLATFORM_APIS = {"stripe": api_url("COCOONMAIL_STRIPE_API", "https://api.stripe.com")}

TRUSTED_PROXIES = environment_int("COCOONMAIL_TRUSTED_PROXIES", 0, 0, 10)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "cocoonmail.accounts",
    "cocoonmail.contacts",
    "cocoonmail.emails",
    "cocoonmail.loops",
    "cocoonmail.intake",
    "cocoonmail.watch",
    "cocoonmail.web",
]

MIDDLEWARE = [
    "cocoonmail.web.shared.middleware.walls",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "cocoonmail.web.shared.middleware.security_headers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "cocoonmail.web.shared.middleware.workspace_of_the_request",
]

ROOT_URLCONF = "cocoonmail.urls"
ASGI_APPLICATION = "cocoonmail.asgi.application"
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": sorted(str(path) for path in (PACKAGE / "web").glob("*/templates")),
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "cocoonmail.web.shared.context.shell",
            ],
            "libraries": {"look": "cocoonmail.web.shared.templatetags.look"},
            "builtins": ["cocoonmail.web.shared.templatetags.look", "django.templatetags.static"],
        },
    }
]

STATIC_URL = "/static/"
STATICFILES_DIRS = [str(PACKAGE / "web" / "shared" / "static")]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "cocoonmail.web.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
PASSWORD_RESET_TIMEOUT = 60 * 60
MFA_ADAPTER = "allauth.mfa.adapter.DefaultMFAAdapter"
MFA_TOTP_ISSUER = "Cocoonmail"

# Cookies of a local installation travel over plain http; everywhere else they are bound to this host and to TLS.
SESSION_COOKIE_NAME = "__Host-session" if SECURE else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if SECURE else "csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = True

DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
EMAIL_BACKEND = "cocoonmail.web.accounts.mail.AccountMail"

LOG_FORMAT = environment_choice("COCOONMAIL_LOG_FORMAT", "text", "json")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "cocoonmail.kit.logs.JsonLines"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {
        "handlers": ["stderr"],
        "level": environment_choice("COCOONMAIL_LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL"),
    },
    "loggers": {"django.request": {"level": "ERROR"}},
}
