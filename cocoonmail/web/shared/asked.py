"""What a URL's query asks for, as text that both databases take."""

from __future__ import annotations

from django.http import HttpRequest

ASKED_MAX = 320  # Characters; the longest address is shorter


def asked(request: HttpRequest, name: str) -> str:
    """The value of a filter, "" where there is none. PostgreSQL knows no NUL, and nothing that is stored has one."""
    return request.GET.get(name, "").replace("\0", "").strip()[:ASKED_MAX]
