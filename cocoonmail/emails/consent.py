"""Whether a message may go out, asked last of all: in the transaction that marks it `sending` (promises S5, S6, S12).

standings(messages, paused) -> what is true of each now -> refusal(standing, message, now) -> refuse(message, ...)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from cocoonmail.contacts.addresses import NotAnAddress, parse
from cocoonmail.contacts.models import Contact, Suppression
from cocoonmail.contacts.suppression import suppressed
from cocoonmail.emails.compose import Kind
from cocoonmail.emails.models import Message, Status
from cocoonmail.kit.rows import read_where

EXPIRES = timedelta(hours=72)  # How long a message that nobody could try stays fit to be sent without a person
TRIES_END = EXPIRES + timedelta(hours=3)  # The last try of one that was put off lies up to 2 hours behind the 72
TRIED = "will be tried again: "  # What the reason of a message begins with once a server or the way to it put it off

assert EXPIRES < TRIES_END

# Loops live above emails: which of the loops with these ids stand still, or send again by themselves.
LoopsOf: TypeAlias = Callable[[Collection[int]], Collection[int]]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true now of the one a message goes to, and of its loop."""

    known: bool = True  # The contact is there
    subscribed: bool = True
    stopped: Suppression.Reason | None = None  # Why all mail to the address was stopped
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message does not go out, in words. SKIPPED is final, HELD waits for a person, QUEUED for its loop."""

    status: Status
    reason: str


REFUSAL_FIELDS = ["status", "reason", "due_at", "attempts", "unsettled"]

DELETED = Refusal(Status.SKIPPED, "the contact was deleted")
UNSUBSCRIBED = Refusal(Status.SKIPPED, "the contact has unsubscribed, and this is a marketing email")
STOPPED = {
    reason: Refusal(Status.SKIPPED, f"mail to this address was stopped: {reason.label}")
    for reason in Suppression.Reason
}
PAUSED = Refusal(Status.QUEUED, "its loop is paused")
EXPIRED = Refusal(Status.HELD, "it waited longer than 72 hours before it could be sent: send it now, or leave it")


def standings(messages: Sequence[Message], paused: LoopsOf, *, lock: bool = True) -> dict[int, Standing]:
    """What is true now, by message id: two queries, however many there are, and what `paused` asks.

    With `lock`, inside a transaction, none of it can change until that ends. The contacts are read first and the
    suppressions last, for `suppress` waits for whoever has read those.
    """
    contacts = _subscribed({message.contact_id for message in messages if message.contact_id}, lock)
    standing_still = paused({message.loop_id for message in messages if message.loop_id})
    keys = {message.pk: (message.workspace_id, _key(message)) for message in messages}
    stopped = suppressed({key[0] for key in keys.values()}, {key[1] for key in keys.values()}, lock=lock)
    return {
        message.pk: Standing(
            known=message.contact_id in contacts,
            subscribed=contacts.get(message.contact_id, False),
            stopped=stopped.get(keys[message.pk]),
            paused=message.loop_id in standing_still,
        )
        for message in messages
    }


def _subscribed(ids: set[int], lock: bool) -> dict[int | None, bool]:
    """Which of these contacts are there, and whether each is subscribed; in one order, so that none blocks another."""
    rows = read_where(Contact, ["id", "subscribed"], {"id": ids}, share=lock)
    return {pk: bool(subscribed) for pk, subscribed in rows}


def _key(message: Message) -> str:
    """The address that the bytes go to, normalised; the contact may have moved to another one since."""
    with suppress(NotAnAddress):
        return parse(message.to_email).key
    return ""


def refusal(standing: Standing, message: Message, now: datetime) -> Refusal | None:
    """Why this message may not go out now; None when it may."""
    if not standing.known:
        return DELETED
    if standing.stopped is not None:
        return STOPPED[standing.stopped]
    if message.kind == Kind.MARKETING and not standing.subscribed:
        return UNSUBSCRIBED
    if standing.paused:
        return PAUSED
    return EXPIRED if _expired(message, now) else None


def _expired(message: Message, now: datetime) -> bool:
    """Whether it waited too long. One that was put off has its 72 hours of tries, and fails by itself at their end."""
    limit = TRIES_END if message.reason.startswith(TRIED) else EXPIRES
    return now - (message.released_at or message.created_at) >= limit


def refuse(message: Message, refused: Refusal, now: datetime) -> None:
    """Put a refusal on a claimed message, to be written with REFUSAL_FIELDS.

    What waits for its loop keeps its reason, gives the attempt back, and is due as soon as the loop is live again.
    """
    if refused.status == Status.QUEUED:
        message.put_back(now)
    else:
        message.status, message.due_at, message.reason = refused.status, None, refused.reason
