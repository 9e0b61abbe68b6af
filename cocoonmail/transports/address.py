"""Where a transport is: its settings, and the URL that people write for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import SplitResult, quote, urlsplit

from cocoonmail.transports import options as given
from cocoonmail.transports.esp.address import EspSettings, esp_url, is_esp_url, keep_key, parse_esp_url
from cocoonmail.transports.hosts import credential, is_loopback
from cocoonmail.transports.options import CONNECTIONS, PER_CONNECTION, Auth, OAuth, Security

__all__ = [
    "CAPTURE",
    "HOST",
    "PORTS",
    "Auth",
    "OAuth",
    "Security",
    "TransportSettings",
    "keep_secrets",
    "parse_transport_url",
    "to_url",
]

URL_MAX = 8192  # Characters; a token alone may have 2,000
HOST = re.compile(r"[\w.:-]{1,255}")
PORTS: Mapping[Security, int] = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """All that is needed to reach a transport. "capture" needs nothing else; an empty `username` means no login.

    `password` is what the login is made with: with XOAUTH2 the access token or, where `oauth` says where to trade it,
    the refresh token. `connections` are open at once in one process, `per_connection` messages go through each, and
    `rate` messages leave in a second over all processes (None for no limit). "esp" needs `esp`, and of the rest has
    only `connections` and `rate`.
    """

    kind: Literal["capture", "smtp", "esp"]
    host: str = ""
    port: int = 0
    security: Security = Security.NONE
    username: str = ""
    password: str = field(default="", repr=False)
    allow_self_signed: bool = False
    auth: Auth = Auth.PASSWORD
    oauth: OAuth | None = None
    connections: int = CONNECTIONS
    per_connection: int = PER_CONNECTION
    rate: float | None = None
    esp: EspSettings | None = None


CAPTURE = TransportSettings("capture")


def parse_transport_url(url: str) -> TransportSettings:
    """Read `capture`, `smtp://user:password@host:port?security=none&verify=off` or `smtps://…`.

    `smtps` is TLS from the start (port 465); `smtp` is STARTTLS, required (587), or plain (25) where the host is this
    very machine. `security` = tls, starttls or none and `verify` = on or off say otherwise. The other options are in
    docs/sending.md. All values are percent-encoded. A provider's URL (`postmark://TOKEN`) is read by `esp.address`.
    Raises ValueError with a sentence for the person who wrote it; it never repeats a secret.
    """
    if url == "capture":
        return CAPTURE
    if len(url) > URL_MAX or not url.isprintable() or " " in url:
        raise ValueError("A transport's URL has no spaces or control characters and at most 8,192 characters.")
    if is_esp_url(url):
        esp, limits = parse_esp_url(url)
        return TransportSettings(
            "esp", esp=esp, connections=given.whole(limits, "connections"), rate=given.rate(limits)
        )
    parts = _split(url)
    options = given.read_options(parts.query)
    host = _host(parts)
    security = _security(parts.scheme, host, options.get("security"))
    return TransportSettings(
        kind="smtp",
        host=host,
        port=_port(parts) or PORTS[security],
        security=security,
        username=_username(parts, options),
        password=credential(parts.password, "password"),
        allow_self_signed=options.get("verify") == "off",
        auth=Auth(options.get("auth", Auth.PASSWORD)),
        oauth=given.oauth(options),
        connections=given.whole(options, "connections"),
        per_connection=given.whole(options, "per_connection"),
        rate=given.rate(options),
    )


def to_url(settings: TransportSettings, with_password: bool = False) -> str:
    """The URL that reads as these settings; without password it has no secret, and reads as the same without them."""
    if settings.kind == "capture":
        return "capture"
    if settings.esp is not None:
        return esp_url(settings.esp, with_password, _limits(settings))
    scheme = "smtps" if settings.security is Security.TLS else "smtp"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = "" if settings.port == PORTS[settings.security] else f":{settings.port}"
    options = given.written(_options(settings, scheme, with_password))
    return f"{scheme}://{_login(settings, with_password)}{host}{port}{options}"


def keep_secrets(asked: TransportSettings, stored: TransportSettings) -> TransportSettings:
    """The settings with the stored secrets in the place of those that are blank, if they are for the same account.

    A secret goes to no other server, provider or account than the one it was entered for.
    """
    if asked.esp is not None:
        return replace(asked, esp=keep_key(asked.esp, stored.esp))
    if not asked.username or _account(asked) != _account(stored):
        return asked
    has_secret = asked.oauth is None or asked.oauth.client_secret
    return replace(asked, password=asked.password or stored.password, oauth=asked.oauth if has_secret else stored.oauth)


def _account(settings: TransportSettings) -> tuple[object, ...]:
    source = (settings.oauth.token_url, settings.oauth.client_id) if settings.oauth else None
    return settings.host, settings.username, settings.auth is Auth.XOAUTH2, source


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as trouble:
        raise ValueError("This is not a URL; write smtp://user:password@host:port or capture.") from trouble
    if parts.scheme not in ("smtp", "smtps") or not parts.netloc:
        raise ValueError(
            "A transport is written as smtp://host:port, smtps://host:port, capture, or as a provider: postmark://TOKEN."
        )
    if parts.fragment or "#" in url or parts.path not in ("", "/"):
        raise ValueError("After the host come only options, such as ?verify=off; / ? # in a password are %2F %3F %23.")
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if not HOST.fullmatch(host):
        raise ValueError("The transport's URL has no host name, or one with characters that host names do not have.")
    return host


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError as trouble:
        raise ValueError("The port is a number from 1 to 65535.") from trouble
    if port == 0:
        raise ValueError("The port is a number from 1 to 65535.")
    return port


def _security(scheme: str, host: str, asked: str | None) -> Security:
    if scheme == "smtps":
        if asked not in (None, Security.TLS):
            raise ValueError(f"smtps:// is TLS from the start; for ?security={asked} write smtp://.")
        return Security.TLS
    return Security(asked) if asked else _default(host)


def _default(host: str) -> Security:
    return Security.NONE if is_loopback(host) else Security.STARTTLS


def _username(parts: SplitResult, options: Mapping[str, str]) -> str:
    name = credential(parts.username, "user name")
    if not name and options.get("auth") == Auth.XOAUTH2:
        raise ValueError("?auth=xoauth2 needs a user name: the mailbox that the token is for.")
    return name


def _login(settings: TransportSettings, with_password: bool) -> str:
    if not settings.username and not settings.password:
        return ""
    password = f":{quote(settings.password, safe='')}" if with_password and settings.password else ""
    return f"{quote(settings.username, safe='')}{password}@"


def _options(settings: TransportSettings, scheme: str, with_password: bool) -> dict[str, str]:
    """Those that say something else than what goes without saying."""
    options = {
        "security": settings.security if scheme == "smtp" and settings.security is not _default(settings.host) else "",
        "verify": "off" if settings.allow_self_signed else "",
        "auth": settings.auth if settings.auth is not Auth.PASSWORD else "",
        "token_url": settings.oauth.token_url if settings.oauth else "",
        "client_id": settings.oauth.client_id if settings.oauth else "",
        "client_secret": settings.oauth.client_secret if settings.oauth and with_password else "",
        **_limits(settings),
    }
    return {name: value for name, value in options.items() if value}


def _limits(settings: TransportSettings) -> dict[str, str]:
    """Of these, too, only those that do not go without saying."""
    limits = {
        "connections": str(settings.connections) if settings.connections != CONNECTIONS else "",
        "per_connection": str(settings.per_connection) if settings.per_connection != PER_CONNECTION else "",
        "rate": given.shown_rate(settings.rate) if settings.rate is not None else "",
    }
    return {name: value for name, value in limits.items() if value}
