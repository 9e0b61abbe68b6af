"""What the URLs of every kind of transport share: credentials, and where a secret may be sent."""

from __future__ import annotations

import re
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote, urlsplit

VISIBLE = re.compile(r"[!-~]+")


def is_loopback(host: str) -> bool:
    """Whether bytes for this host never leave the machine: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def web_address(url: str) -> SplitResult | None:
    """The parts of a URL that requests can go to; None for anything else, or with a login or a fragment in it."""
    try:
        parts = urlsplit(url)
        usable = bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc and not parts.fragment
    except ValueError:
        return None
    return parts if usable and VISIBLE.fullmatch(url) else None


def keeps_secrets(parts: SplitResult) -> bool:
    """Whether nobody on the way can read what is sent there: https, or this very machine."""
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))


def credential(encoded: str | None, what: str) -> str:
    """A percent-encoded part of a URL as text. Raises ValueError, which names `what` and never repeats it."""
    try:
        text = unquote(encoded or "", errors="strict")
    except UnicodeDecodeError as trouble:
        raise ValueError(f"The {what} is percent-encoded UTF-8, and this one is not.") from trouble
    if any(ord(character) < 32 for character in text):
        raise ValueError(f"The {what} cannot have control characters.")
    return text
