"""Who may read the figures: whoever has the token; without one, programs on this machine and nobody behind a proxy."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from ipaddress import ip_address

# What a proxy adds to a request that it hands on.
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
HERE = ("127.0.0.1", "localhost", "[::1]")


def refusal(headers: Mapping[str, str], peer: str, token: str, *, local: bool) -> str:
    """Why this request may not read them, in words; "" when it may.

    `peer` is the address that it came from, `local` says that nothing but this machine is meant to reach us. The host
    is looked at as well, for a page in a browser on this machine can be led here under a name of its own.
    """
    if token:
        given = headers.get("authorization", "").encode("latin-1", "replace")
        right = hmac.compare_digest(given, f"Bearer {token}".encode())
        return "" if right else "Send the token: Authorization: Bearer …"
    host = headers.get("host", "").rpartition(":")[0] or headers.get("host", "")
    if local and host in HERE and _is_loopback(peer) and not any(name in headers for name in FORWARDED):
        return ""
    return "Set COCOONMAIL_METRICS_TOKEN, and send it: Authorization: Bearer …"


def _is_loopback(peer: str) -> bool:
    try:
        return ip_address(peer).is_loopback
    except ValueError:
        return False
