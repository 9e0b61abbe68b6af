"""Rehearse: post a freshly signed, realistic sample event through the real door, as the platform would."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from cocoonmail.contacts.models import PlatformCustomer
from cocoonmail.intake.models import Delivery, Endpoint, SigningSecret
from cocoonmail.kit.secrets import Unsealable
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import Announcement, Platform, Rehearse

ADDRESS_FILE = "address"  # In the data folder: where the web process listens
ANSWER_SECONDS = 10  # Longer than the door takes to store or to refuse
ANSWER_MAX = 64 * 1024  # Bytes; the door's answers are some hundred


class CannotRehearse(RuntimeError):
    """The test event was not sent. The message says why, and what to do."""


class NoSecret(CannotRehearse):
    """The endpoint has no signing secret to sign the test event with."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the door answered: the HTTP status and its JSON, and the delivery if it was accepted."""

    status: int
    content: Mapping[str, Any]
    delivery: Delivery | None

    @property
    def message(self) -> str:
        """The answer in words: what it was refused or ignored for, else that it was received."""
        error = self.content.get("error")
        if isinstance(error, dict):
            return str(error.get("message", ""))
        return str(self.content.get("ignored", "")) or "received"


def rehearse(
    endpoint: Endpoint, event_type: str, *, email: str, name: str, now: datetime, livemode: bool = False
) -> Rehearsed:
    """Post one sample event to the endpoint and return what the door answered.

    The person in it has this email and name. Raises CannotRehearse when there is nothing to sign with, the platform
    has no such event, or nothing listens.
    """
    platform = PLATFORMS[endpoint.platform]
    make = partial(
        _maker(platform, event_type),
        event_type,
        email=email,
        name=name,
        now=int(now.timestamp()),
        livemode=livemode,
        token=secrets.token_hex(8),
        secret=_secret(endpoint, platform),
    )
    try:
        body, headers = make(again=False)
    except KeyError as error:
        raise CannotRehearse(f"There is no sample of {event_type} yet. Try another event.") from error
    if _is_known(endpoint, platform, body):
        body, headers = make(again=True)
    status, content = _post(f"{address()}{endpoint.path}", body, headers)
    stored = _delivery(endpoint, platform, body) if 200 <= status < 300 else None
    return Rehearsed(status, content, stored)


def new_secret(endpoint: Endpoint) -> SigningSecret:
    """Make a signing secret of our own for an endpoint, for work without the platform at hand. It is saved."""
    prefix = PLATFORMS[endpoint.platform].secret_prefix
    secret = SigningSecret.of(endpoint, f"{prefix}{secrets.token_hex(16)}")
    secret.save()
    return secret


def address() -> str:
    """Where the web process can be reached from here, without a slash at the end."""
    try:
        written = (settings.DATA / ADDRESS_FILE).read_text().strip()
    except OSError:
        written = ""
    return written.rstrip("/") or str(settings.BASE_URL)


def _maker(platform: Platform, event_type: str) -> Rehearse:
    if platform.rehearse is None:
        raise CannotRehearse(f"There are no sample events for {platform.title}.")
    if event_type not in platform.events:
        known = ", ".join(platform.events)
        raise CannotRehearse(f"“{event_type}” is no {platform.title} event that Cocoonmail reads. It reads: {known}.")
    return platform.rehearse


def _secret(endpoint: Endpoint, platform: Platform) -> str:
    """The newest secret, as the platform would sign with it."""
    newest = endpoint.secrets.order_by("-pk").first()
    if newest is None:
        raise NoSecret(
            f"The endpoint “{endpoint.name}” has no signing secret yet. Paste the one from {platform.title}, or let "
            "Cocoonmail make one for local work."
        )
    try:
        return newest.reveal()
    except Unsealable as error:
        raise CannotRehearse(str(error)) from error


def _is_known(endpoint: Endpoint, platform: Platform, body: bytes) -> bool:
    """Whether the sample's customer came before: a second customer.created of theirs would rightly trigger nothing."""
    said = platform.announce(body)
    assert isinstance(said, Announcement)
    customer = platform.events[said.type].read(said, json.loads(body)).change.customer
    known = PlatformCustomer.objects.filter(workspace_id=endpoint.workspace_id, endpoint_id=endpoint.pk)
    return customer is not None and known.filter(external_id=customer.id, livemode=customer.livemode).exists()


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """One POST over a connection of its own: no proxy, no redirects. Returns the status and the JSON of the answer."""
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("POST", parts.path, body, {"Content-Type": "application/json; charset=utf-8", **headers})
        answer = connection.getresponse()
        return answer.status, _content(answer.read(ANSWER_MAX))
    except (ConnectionError, TimeoutError, HTTPException, OSError) as error:
        where = f"{parts.scheme}://{parts.netloc}"
        raise CannotRehearse(f"Nothing answers at {where} ({_why(error)}). Start Cocoonmail first: bin/up") from error
    finally:
        connection.close()


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error or type(error).__name__).lower()


def _content(answer: bytes) -> dict[str, Any]:
    """The answer's JSON object; what is none did not come from our door."""
    try:
        content = json.loads(answer)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise CannotRehearse(
            "Something else than Cocoonmail answered. Is another program using its port? Start Cocoonmail again: bin/up"
        )
    return content


def _delivery(endpoint: Endpoint, platform: Platform, body: bytes) -> Delivery | None:
    """What the door stored."""
    said = platform.announce(body)
    assert isinstance(said, Announcement)
    return Delivery.objects.filter(
        workspace_id=endpoint.workspace_id,
        endpoint=endpoint,
        account=said.account,
        livemode=said.livemode,
        external_id=said.id,
    ).first()
