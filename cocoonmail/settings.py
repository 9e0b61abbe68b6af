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
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-64000;"
            # A checkpoint every 32 MB instead of every 4: each waits for the disk twice more.
            " PRAGMA wal_autocheckpoint=8000;"
            " PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=67108864;",
        },
        "TEST": {"NAME": os.environ.get("COCOONMAIL_TEST_SQLITE", str(path) + ".test")},
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
    return config


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


DATA = Path(os.environ.get("COCOONMAIL_DATA", "data")).resolve()
BASE_URL = base_url()
SECURE = BASE_URL.startswith("https://")
DEBUG = False

# The newest key comes first and is the one that new secrets are written with; the older ones still open what is there.
SECRET_KEYS = read_or_make_keys(DATA / "secret.key", os.environ.get("COCOONMAIL_SECRET_KEY", ""))
SECRET_KEY = SECRET_KEYS[0]
SECRET_KEY_FALLBACKS = SECRET_KEYS[1:]

ALLOWED_HOSTS = allowed_hosts(BASE_URL)
# Each page is made on a thread of its own: a connection that was kept would never be used again. Threads that last, of
# the door and the worker, keep theirs whatever this says.
DATABASES = {"default": {**database(DATA), "CONN_MAX_AGE": 0}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
    "cocoonmail.web",
]

MIDDLEWARE = [
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

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("COCOONMAIL_LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}},
}
