"""What may stand after the ? of a transport's URL: how each option is read, what it may be, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal
from urllib.parse import parse_qsl, quote

from cocoonmail.transports.hosts import keeps_secrets, web_address

CONNECTIONS, CONNECTIONS_MAX = 8, 100  # Open at once, in one process
PER_CONNECTION, PER_CONNECTION_MAX = 100, 10_000  # Messages
RATE_MIN, RATE_MAX = 0.001, 10_000.0  # Messages per second
RATE_DECIMALS = 3
RATE = re.compile(rf"[0-9]{{1,5}}(\.[0-9]{{1,{RATE_DECIMALS}}})?", re.ASCII)


class Security(StrEnum):
    """How the link to the server is kept private. TLS and STARTTLS verify the certificate unless told otherwise."""

    TLS = "tls"  # From the first byte on (RFC 8314)
    STARTTLS = "starttls"  # After a greeting in clear, and required (RFC 3207)
    NONE = "none"


class Auth(StrEnum):
    """What a login is made with."""

    PASSWORD = "password"  # noqa: S105  By the best mechanism that the server offers
    PLAIN = "plain"  # As it is: for a server whose SCRAM does not know this account
    XOAUTH2 = "xoauth2"  # An access token in the password's place


@dataclass(frozen=True, slots=True)
class OAuth:
    """Where a refresh token, which stands in the password's place, is traded for access tokens (RFC 6749 §6)."""

    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)


# The options that choose one of several words; the functions below read the others.
CHOICES: Mapping[str, tuple[str, ...]] = {
    "security": tuple(Security),
    "verify": ("on", "off"),
    "auth": tuple(Auth),
}
OAUTH = ("token_url", "client_id", "client_secret")
NAMES = (*CHOICES, *OAUTH, "connections", "per_connection", "rate")


def read_options(query: str, names: Sequence[str] = NAMES) -> dict[str, str]:
    """The options by name, each of `names` and given once. Raises ValueError with a sentence that repeats no secret."""
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=2 * len(names))
    for name, value in pairs:
        if name not in names:
            raise ValueError(f"A transport has no option {name[:40]!r}; there are {', '.join(names)}.")
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"?{name}= is one of {', '.join(CHOICES[name])}, not {value[:40]!r}.")
        if any(ord(character) < 32 for character in value):
            raise ValueError(f"?{name}= cannot have control characters.")
    if len(dict(pairs)) != len(pairs):
        raise ValueError("Each option of a transport is given once.")
    return dict(pairs)


def whole(options: Mapping[str, str], name: Literal["connections", "per_connection"]) -> int:
    """A number of connections or messages; the usual one where none is given. Raises ValueError."""
    usual, most = {
        "connections": (CONNECTIONS, CONNECTIONS_MAX),
        "per_connection": (PER_CONNECTION, PER_CONNECTION_MAX),
    }[name]
    text = options.get(name, str(usual))
    if not re.fullmatch("[0-9]{1,5}", text) or not 1 <= int(text) <= most:
        raise ValueError(f"?{name}= is a whole number from 1 to {most:,}, not {text[:40]!r}.")
    return int(text)


def rate(options: Mapping[str, str]) -> float | None:
    """Messages per second; None for no limit. Raises ValueError."""
    text = options.get("rate")
    if text is None:
        return None
    if not RATE.fullmatch(text) or not RATE_MIN <= float(text) <= RATE_MAX:
        raise ValueError(f"?rate= is messages per second, from {RATE_MIN} to {RATE_MAX:,.0f}, not {text[:40]!r}.")
    return float(text)


def oauth(options: Mapping[str, str]) -> OAuth | None:
    """Where access tokens come from; None where the password is one. Raises ValueError."""
    given = [name for name in OAUTH if name in options]
    if not given:
        return None
    if options.get("auth") != Auth.XOAUTH2:
        raise ValueError(f"?{given[0]}= goes with ?auth=xoauth2.")
    if not options.get("token_url") or not options.get("client_id"):
        raise ValueError("?token_url= and ?client_id= go together.")
    if trouble := token_url_trouble(options["token_url"]):
        raise ValueError(f"?token_url= {trouble}")
    return OAuth(options["token_url"], options["client_id"], options.get("client_secret", ""))


def token_url_trouble(url: str) -> str:
    """What is wrong with the address of a token server, to follow its name; "" where nothing is."""
    parts = web_address(url)
    if parts is None:
        return "looks like https://oauth2.googleapis.com/token."
    return "" if keeps_secrets(parts) else "begins with https://, for a secret goes there."


def shown_rate(messages: float) -> str:
    """A rate as it is written: 10, 0.5."""
    return f"{messages:.{RATE_DECIMALS}f}".rstrip("0").rstrip(".")


def written(options: Mapping[str, str]) -> str:
    """The options as a query with its ?, "" for none."""
    return "?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items()) if options else ""
