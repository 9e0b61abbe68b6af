"""What follows when a message stands still: a person decides, or its loop's rule does, once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, QuerySet

from cocoonmail.emails.consent import LoopsOf
from cocoonmail.emails.facts import facts_of
from cocoonmail.emails.models import EmailVersion, Message, Status

ARRIVED = "somebody made sure that it arrived"
RESENT = "sent again by itself, as its loop says, for no answer came the first time"

# As long as a server may take to answer the final dot (RFC 5321 section 4.5.3.2.6). A worker that only stood still may
# yet write down the answer meanwhile: then nothing is sent again.
RESEND_AFTER = timedelta(minutes=10)


def became_unknown(ids: Collection[int], resending: LoopsOf, now: datetime) -> int:
    """Note since when these messages are unknown, and queue again those whose loop says so, each once in its life.

    Call it in the transaction that made them unknown. `resending` says which loops send again by themselves. The bytes
    and the Message-ID stay the same, so that the reader's program can tell a copy (promise S4). The epoch stays too:
    the answer to the first one, if a worker still has it, is evidence and ends the wait. Returns how many were queued.
    """
    unknown = Message.objects.filter(pk__in=ids, status=Status.UNKNOWN)
    unknown.update(unknown_at=now)
    mine = unknown.filter(resent_at=None, contact__isnull=False)
    loops = resending({pk for pk in mine.values_list("loop_id", flat=True) if pk})
    return mine.filter(loop_id__in=loops).update(
        status=Status.QUEUED, reason=RESENT, due_at=now + RESEND_AFTER, attempts=0, resent_at=now, released_at=now
    )


def release(message: Message, now: datetime, version: EmailVersion | None = None) -> bool:
    """Queue a held, failed or unknown message anew, due now; its contact and workspace are loaded.

    What never left gets today's facts, the contact's address of today and, if given, another published version of its
    email. What may have left stays the same to the byte, so that its reader's program can tell a copy (promise S4).
    Returns False, and changes nothing, when it does not stand still any more.
    """
    if message.status not in (Status.HELD, Status.FAILED, Status.UNKNOWN):
        return False
    fresh = {} if message.status == Status.UNKNOWN else _refreshed(message, version)
    return bool(_as_seen(message).update(**_queued(now), **fresh))


def arrived(message: Message, now: datetime) -> bool:
    """Settle an unknown message: somebody saw that it arrived. Returns False when it is not unknown any more."""
    return message.status == Status.UNKNOWN and bool(all_arrived(_as_seen(message), now))


def release_all(messages: QuerySet[Message], now: datetime) -> int:
    """Queue anew those of these messages that are unknown and have a contact, unchanged. Returns how many."""
    return messages.filter(status=Status.UNKNOWN, contact__isnull=False).update(**_queued(now))


def all_arrived(messages: QuerySet[Message], now: datetime) -> int:
    """Settle those of these messages that are unknown: somebody saw that they arrived. Returns how many."""
    unknown = messages.filter(status=Status.UNKNOWN)
    return unknown.update(status=Status.SENT, reason=ARRIVED, sent_at=now, epoch=F("epoch") + 1)


def _queued(now: datetime) -> dict[str, Any]:
    waits = {"status": Status.QUEUED, "due_at": now, "reason": "", "attempts": 0, "released_at": now}
    return {**waits, "epoch": F("epoch") + 1}


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


def _as_seen(message: Message) -> QuerySet[Message]:
    """The message if it still stands as the person saw it: of two decisions, the first counts."""
    return Message.objects.filter(pk=message.pk, epoch=message.epoch, status=message.status)
