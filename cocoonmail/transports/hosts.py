"""What the URLs of every kind of transport share: hosts that are this machine, and credentials in a URL."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import unquote


def is_loopback(host: str) -> bool:
    """Whether bytes for this host never leave the machine: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def credential(encoded: str | None, what: str) -> str:
    """A percent-encoded part of a URL as text. Raises ValueError, which names `what` and never repeats it."""
    try:
        text = unquote(encoded or "", errors="strict")
    except UnicodeDecodeError as trouble:
        raise ValueError(f"The {what} is percent-encoded UTF-8, and this one is not.") from trouble
    if any(ord(character) < 32 for character in text):
        raise ValueError(f"The {what} cannot have control characters.")
    return text
