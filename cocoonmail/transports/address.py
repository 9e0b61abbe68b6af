"""Where a transport is: its settings, and the URL that people write for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from cocoonmail.transports.esp.address import EspSettings, esp_url, is_esp_url, parse_esp_url
from cocoonmail.transports.hosts import credential, is_loopback

URL_MAX = 2048  # Characters
HOST = re.compile(r"[\w.:-]{1,255}")


class Security(StrEnum):
    """How the link to the server is kept private. TLS and STARTTLS verify the certificate unless told otherwise."""

    TLS = "tls"  # From the first byte on (RFC 8314)
    STARTTLS = "starttls"  # After a greeting in clear, and required (RFC 3207)
    NONE = "none"


PORTS: Mapping[Security, int] = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """All that is needed to reach a transport. "capture" needs nothing else; an empty `username` means no login.

    "esp" needs `esp`, and nothing of the rest.
    """

    kind: Literal["capture", "smtp", "esp"]
    host: str = ""
    port: int = 0
    security: Security = Security.NONE
    username: str = ""
    password: str = field(default="", repr=False)
    allow_self_signed: bool = False
    esp: EspSettings | None = None


CAPTURE = TransportSettings("capture")


def parse_transport_url(url: str) -> TransportSettings:
    """Read `capture`, `smtp://user:password@host:port?security=none&verify=off` or `smtps://…`.

    `smtps` is TLS from the start (port 465); `smtp` is STARTTLS, required (587), or plain (25) where the host is this
    very machine. `security` = tls, starttls or none and `verify` = on or off say otherwise. User name and password are
    percent-encoded. A provider's URL (`postmark://TOKEN`) is read by `esp.address`. Raises ValueError with a sentence
    for the person who wrote it; it never repeats the password.
    """
    if url == "capture":
        return CAPTURE
    if len(url) > URL_MAX or not url.isprintable() or " " in url:
        raise ValueError("A transport's URL has no spaces or control characters and at most 2,048 characters.")
    if is_esp_url(url):
        return TransportSettings("esp", esp=parse_esp_url(url))
    parts = _split(url)
    options = _options(parts.query)
    host = _host(parts)
    security = _security(parts.scheme, host, options.get("security"))
    return TransportSettings(
        kind="smtp",
        host=host,
        port=_port(parts) or PORTS[security],
        security=security,
        username=credential(parts.username, "user name"),
        password=credential(parts.password, "password"),
        allow_self_signed=options.get("verify") == "off",
    )


def to_url(settings: TransportSettings, with_password: bool = False) -> str:
    """The URL that reads as these settings; without the password it reads as the same settings with none."""
    if settings.kind == "capture":
        return "capture"
    if settings.esp is not None:
        return esp_url(settings.esp, with_password)
    scheme = "smtps" if settings.security is Security.TLS else "smtp"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    port = "" if settings.port == PORTS[settings.security] else f":{settings.port}"
    return f"{scheme}://{_login(settings, with_password)}{host}{port}{_query(settings, scheme)}"


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
        raise ValueError("After the host come only ?security= and ?verify=; / ? # in a password are %2F %3F %23.")
    return parts


OPTIONS: Mapping[str, tuple[str, ...]] = {"security": tuple(Security), "verify": ("on", "off")}


def _options(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=10)
    for name, value in pairs:
        if name not in OPTIONS:
            raise ValueError(f"A transport has no option {name[:40]!r}; there are security and verify.")
        if value not in OPTIONS[name]:
            raise ValueError(f"?{name}= is one of {', '.join(OPTIONS[name])}, not {value[:40]!r}.")
    if len(dict(pairs)) != len(pairs):
        raise ValueError("Each option of a transport is given once.")
    return dict(pairs)


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


def _login(settings: TransportSettings, with_password: bool) -> str:
    if not settings.username and not settings.password:
        return ""
    password = f":{quote(settings.password, safe='')}" if with_password and settings.password else ""
    return f"{quote(settings.username, safe='')}{password}@"


def _query(settings: TransportSettings, scheme: str) -> str:
    options = []
    if scheme == "smtp" and settings.security is not _default(settings.host):
        options.append(f"security={settings.security}")
    if settings.allow_self_signed:
        options.append("verify=off")
    return "?" + "&".join(options) if options else ""
