"""What an endpoint's settings say about an authentic webhook before its object is read. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cocoonmail.intake.models import DeliveryState
from cocoonmail.platforms.base import Announcement, Platform


@dataclass(frozen=True, slots=True)
class Wishes:
    """What an endpoint wants of what comes in. `types` are the event types that are switched on."""

    process_test: bool
    connect: bool
    types: Collection[str]


@dataclass(frozen=True, slots=True)
class Triage:
    """The state that a delivery begins in, and why, in words ("" where it is to be processed)."""

    state: DeliveryState
    why: str = ""


TO_PROCESS = Triage(DeliveryState.WAITING)


def triage(platform: Platform, wishes: Wishes, said: Announcement) -> Triage:
    """Sort out what needs no reading."""
    if said.thin:
        return Triage(
            DeliveryState.IGNORED,
            "this is a thin event, which holds no customer data: choose “Snapshot” payloads for this endpoint in "
            f"{platform.title}",
        )
    if said.account and not wishes.connect:
        return Triage(
            DeliveryState.IGNORED,
            f"it belongs to the connected account {said.account}: switch “Events of connected accounts” on to use it",
        )
    if said.type not in platform.events:
        return Triage(DeliveryState.IGNORED, f"{said.type} is not an event that Cocoonmail uses")
    if said.type not in wishes.types:
        return Triage(DeliveryState.IGNORED, f"{said.type} is switched off for this endpoint")
    if not said.livemode and not wishes.process_test:
        return Triage(DeliveryState.LOGGED, "it comes from test mode, which this endpoint only logs")
    return TO_PROCESS
