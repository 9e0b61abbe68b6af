"""What a person decides about a message that stands still: send it again, or note that it arrived."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F

from cocoonmail.emails.facts import facts_of
from cocoonmail.emails.models import EmailVersion, Message, Status

ARRIVED = "somebody made sure that it arrived"


def release(message: Message, now: datetime, version: EmailVersion | None = None) -> bool:
    """Queue a held, failed or unknown message anew, due now; its contact and workspace are loaded.

    What never left gets today's facts, the contact's address of today and, if given, another published version of its
    email. What may have left stays the same to the byte, so that its reader's program can tell a copy (promise S4).
    Returns False, and changes nothing, when it does not stand still any more.
    """
    fresh = {} if message.status == Status.UNKNOWN else _refreshed(message, version)
    waits = {"status": Status.QUEUED, "due_at": now, "reason": "", "attempts": 0, "released_at": now}
    return _decide(message, (Status.HELD, Status.FAILED, Status.UNKNOWN), **waits, **fresh)


def arrived(message: Message, now: datetime) -> bool:
    """Settle an unknown message: somebody saw that it arrived. Returns False when it is not unknown any more."""
    return _decide(message, (Status.UNKNOWN,), status=Status.SENT, reason=ARRIVED, sent_at=now)


def _refreshed(message: Message, version: EmailVersion | None) -> dict[str, Any]:
    fresh: dict[str, Any] = {}
    if message.contact is not None:
        event = message.facts.get("event", {})
        fresh = {
            "facts": {**message.facts, **facts_of(message.workspace, message.contact, event)},
            "to_email": message.contact.email,
        }
    if version is not None:
        fresh |= {"version": version, "kind": version.compiled["kind"]}
    return fresh


def _decide(message: Message, standing: tuple[Status, ...], **values: Any) -> bool:
    """Write the decision if the message still stands as the person saw it: of two decisions, the first counts."""
    if message.status not in standing:
        return False
    seen = Message.objects.filter(pk=message.pk, epoch=message.epoch)
    return bool(seen.update(epoch=F("epoch") + 1, **values))
