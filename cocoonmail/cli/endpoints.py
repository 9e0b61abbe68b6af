"""The endpoint that a command means: the one of this name, or the only one that could be meant."""

from __future__ import annotations

from collections.abc import Sequence

from cocoonmail.intake.models import Endpoint
from cocoonmail.platforms.base import Platform


class NotOne(ValueError):
    """None, or more than one, could be meant; the message says which there are."""


def endpoint_of(platforms: Sequence[Platform], name: str) -> Endpoint:
    """One of these platforms'. Raises NotOne."""
    endpoints = Endpoint.objects.filter(platform__in=[platform.name for platform in platforms]).order_by("pk")
    found = list(endpoints.filter(name=name) if name else endpoints)
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"“{endpoint.name}”" for endpoint in endpoints)
    if not names:
        title = platforms[0].title
        raise NotOne(f"There is no {title} endpoint yet. Open Integrations → {title}, or apply a file with one.")
    if not found:
        raise NotOne(f"No endpoint is named “{name}”. There are: {names}.")
    raise NotOne(f"Several endpoints could be meant: {names}. Say which with --endpoint.")
