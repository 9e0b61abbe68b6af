"""Understand stored webhooks: from raw bytes and the endpoint's settings to what they tell the audience."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from cocoonmail.contacts.changes import Reading, Removal, Unreadable
from cocoonmail.contacts.told import Told
from cocoonmail.intake.conditions import unmet
from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint, EventChoice
from cocoonmail.intake.triage import Triage, Wishes, triage
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import Announcement, Platform, Rejected


@dataclass(frozen=True, slots=True)
class Setup:
    """An endpoint with what it wants, loaded once per batch."""

    endpoint: Endpoint
    platform: Platform
    wishes: Wishes
    choices: Mapping[str, EventChoice]


Setups: TypeAlias = Mapping[int, Setup]


def setups_of(deliveries: Iterable[Delivery]) -> dict[int, Setup]:
    """The endpoints that deliveries came in by."""
    endpoints = Endpoint.objects.prefetch_related("choices").in_bulk({d.endpoint_id for d in deliveries})
    return {pk: _setup(endpoint) for pk, endpoint in endpoints.items()}


def read(delivery: Delivery, setup: Setup) -> Told | Triage:
    """What a delivery tells the audience, or why it tells nothing. Raises Unreadable for an unexpected shape."""
    body = bytes(delivery.body)
    said = _announced(delivery) if delivery.type in setup.platform.events else setup.platform.announce(body)
    if isinstance(said, Rejected):
        raise Unreadable(said.message)
    first = triage(setup.platform, setup.wishes, said)
    if first.state is not DeliveryState.WAITING:
        return first
    choice = setup.choices[said.type]
    reading = setup.platform.events[said.type].read(said, _decoded(body))
    delivery.understood = reading.understood[:1000]
    delivery.customer_key = reading.change.customer.id if reading.change.customer else ""
    if complaint := unmet(choice.condition, reading.facts):
        return Triage(DeliveryState.IGNORED, f"the condition does not hold: {complaint}")
    return _told(delivery, setup, choice, reading)


def _decoded(body: bytes) -> Any:
    """The payload. msgspec is quick, but refuses the lone surrogates that JSON may hold: then the library reads it."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(body.decode("utf-8-sig"))


def _announced(delivery: Delivery) -> Announcement:
    """What the body announced when the door looked at it."""
    created = int(delivery.occurred_at.timestamp())
    return Announcement(
        delivery.external_id, delivery.type, created, delivery.livemode, delivery.account, delivery.api_version
    )


def _told(delivery: Delivery, setup: Setup, choice: EventChoice, reading: Reading) -> Told:
    quiet = reading.happening.noise and not choice.noise_triggers
    return Told(
        workspace_id=delivery.workspace_id,
        endpoint_id=delivery.endpoint_id,
        delivery_id=delivery.pk,
        reading=reading if choice.sync_names else reading.without_names(),
        trigger="" if quiet else choice.trigger,
        source=setup.platform.contact_source,
        user_group=setup.endpoint.user_group,
        removal=Removal(choice.removal),
    )


def _setup(endpoint: Endpoint) -> Setup:
    choices = {choice.type: choice for choice in endpoint.choices.all() if choice.enabled}
    wishes = Wishes(process_test=endpoint.process_test, connect=endpoint.connect, types=choices.keys())
    return Setup(endpoint, PLATFORMS[endpoint.platform], wishes, choices)
