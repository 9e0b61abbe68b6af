"""Stripe's events for tests: samples with changes, read as the pipeline reads them."""

from __future__ import annotations

import json
from typing import Any

from cocoonmail.contacts.changes import Reading
from cocoonmail.platforms.base import Announcement
from cocoonmail.platforms.stripe import STRIPE
from cocoonmail.platforms.stripe.samples import sample

NOW = 1_790_000_000  # 2026-09-21
ADA, NAME = "ada@example.com", "Ada Lovelace"


def event(type: str, *, previous: dict[str, Any] | None = None, token: str = "t1", **changes: Any) -> dict[str, Any]:
    """A sample event about Ada with changes to its object; a change to ... takes the key out."""
    made = sample(type, email=ADA, name=NAME, now=NOW, token=token)
    found = made["data"]["object"] | changes
    made["data"] = {"object": {key: value for key, value in found.items() if value is not ...}}
    if previous is not None:
        made["data"]["previous_attributes"] = previous
    return made


def read(made: dict[str, Any]) -> Reading:
    """The reading of an event, from its bytes on."""
    content = json.dumps(made, indent=2).encode()  # Escaped to ASCII, so that lone surrogates can be sent as well
    said = STRIPE.announce(content)
    assert isinstance(said, Announcement), said
    return STRIPE.events[said.type].read(said, json.loads(content))


def told(type: str, *, previous: dict[str, Any] | None = None, **changes: Any) -> Reading:
    """The reading of a sample with changes."""
    return read(event(type, previous=previous, **changes))
