"""Who is behind the proxies: read X-Forwarded-For and -Proto only as far as our own proxies wrote them."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal

Headers = list[tuple[bytes, bytes]]
Client = tuple[str, int] | None
Scheme = Literal["http", "https"]

_LONGEST_ADDRESS = 64  # An IPv6 address with a zone; more need not be looked at.
_SCHEMES: dict[bytes, Scheme] = {b"http": "http", b"https": "https"}


def client_behind(headers: Headers, peer: Client, trusted: int) -> Client:
    """The address that the outermost of our `trusted` proxies saw, with port 0; `peer` unless that is an address.

    Each proxy appends the address it was called from, so only the last `trusted` entries are not the client's own
    invention.
    """
    entries = _entries(headers, b"x-forwarded-for")
    if not 0 < trusted <= len(entries):
        return peer
    address = _address(entries[-trusted])
    return peer if address is None else (address, 0)


def scheme_behind(headers: Headers, seen: Scheme, trusted: int) -> Scheme:
    """The scheme that the outermost of our `trusted` proxies was called with; `seen` unless it says http or https.

    Proxies replace this header more often than they append to it, so a single entry counts as well.
    """
    entries = _entries(headers, b"x-forwarded-proto")
    if not trusted or not entries:
        return seen
    return _SCHEMES.get(entries[-min(trusted, len(entries))].lower(), seen)


def _entries(headers: Headers, wanted: bytes) -> list[bytes]:
    return [entry.strip() for name, value in headers if name == wanted for entry in value.split(b",")]


def _address(entry: bytes) -> str | None:
    if len(entry) > _LONGEST_ADDRESS:
        return None
    try:
        return str(ip_address(entry.decode("ascii").strip("[]")))
    except ValueError:  # Also what is not ASCII.
        return None
