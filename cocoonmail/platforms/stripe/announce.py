"""What an authentic body says it is, before anything in it is interpreted. Every request passes here: some 20 µs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cocoonmail.platforms.base import Announcement, Rejected
from cocoonmail.platforms.stripe.strictjson import BadJson, decode

ID_MAX, TYPE_MAX, VERSION_MAX = 255, 200, 100  # Characters
CREATED_MAX = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())

_ID = re.compile(r"evt_[!-~]+\Z")
_TYPE = re.compile(r"[a-z0-9_.]+\Z", re.IGNORECASE)
_ACCOUNT = re.compile(r"[!-~]{0,255}\Z")


def announce(body: bytes) -> Announcement | Rejected:
    """The announcement in a body, or why it is none. Never raises.

    Stripe's event object: https://docs.stripe.com/api/events/object; thin events, whose `created` is an ISO 8601 text:
    https://docs.stripe.com/api/v2/core/events/object.
    """
    try:
        event = decode(body)
    except BadJson as error:
        return Rejected(error.code, str(error))
    if type(event) is not dict or event.get("object", "event") not in ("event", "v2.core.event"):
        return Rejected("not_an_event", "The body is not a Stripe event object.")
    return _read(event, thin=event.get("object") == "v2.core.event")


def _read(event: Mapping[str, Any], thin: bool) -> Announcement | Rejected:
    id, type, livemode = event.get("id"), event.get("type"), event.get("livemode", False)
    account, version = event.get("account") or "", event.get("api_version") or ""
    if not isinstance(id, str) or len(id) > ID_MAX or not _ID.match(id):
        return Rejected("invalid_id", "The event's id must be a text that begins with evt_.")
    if not isinstance(type, str) or len(type) > TYPE_MAX or not _TYPE.match(type):
        return Rejected("invalid_type", "The event's type must be a text such as customer.created.")
    created = _created(event.get("created"), thin)
    if created is None:
        return Rejected("invalid_created", "The event's created must be a time in whole seconds since 1970.")
    if not isinstance(livemode, bool):
        return Rejected("invalid_livemode", "The event's livemode must be true or false.")
    if not isinstance(account, str) or not _ACCOUNT.match(account):
        return Rejected("invalid_account", "The event's account must be a text such as acct_123.")
    said = version[:VERSION_MAX] if isinstance(version, str) and version.isprintable() else ""
    return Announcement(id, type, created, livemode, account, said, thin)


def _created(value: Any, thin: bool) -> int | None:
    if thin and isinstance(value, str):
        value = _seconds(value)
    return value if type(value) is int and 0 <= value < CREATED_MAX else None


def _seconds(text: str) -> int | None:
    """Seconds since 1970 of an ISO 8601 text; what names no time zone is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        return None
