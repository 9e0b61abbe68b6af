"""What must be on disk around the network: the mark before a message's final dot, and the outcome after it.

Many messages' marks and outcomes are one transaction (kit.groupcommit), written by one thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeAlias

from django.db import connection, transaction

from cocoonmail.contacts.models import Contact
from cocoonmail.emails.compose import Kind
from cocoonmail.emails.models import Message, Status
from cocoonmail.kit.claims import LEASE
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.rows import update_rows
from cocoonmail.transports.base import Accepted, Deferred, Outcome, Refused, Unknown

GIVE_UP = timedelta(hours=72)  # How long a message is tried again (promise S8)
RETRY_FIRST, RETRY_LAST = timedelta(seconds=30), timedelta(hours=2)
WORDS_MAX = 1000  # Characters of a server's words that are kept

OUTCOME_FIELDS = ["status", "reason", "receipt", "conversation", "subject", "message_id", "due_at", "sent_at"]


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything but the final dot has been handed over: may the dot follow?"""

    message: Message


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a message."""

    message: Message
    outcome: Outcome
    captured: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """The message does not go out, for a reason of our own: HELD can be released, SKIPPED is final."""

    message: Message
    status: Status
    reason: str


class Verdict(Enum):
    """The answer to a Mark, and to everything else NOTED."""

    GO = auto()
    UNSUBSCRIBED = auto()
    LOST = auto()  # Another worker has it, or it no longer waits
    NOTED = auto()


Entry: TypeAlias = Mark | Done | Stop


def write_ledger(entries: Sequence[Entry]) -> list[Verdict]:
    """Write entries in one transaction, on disk when this returns; one verdict each, in order."""
    with transaction.atomic():
        now = database_now()
        verdicts = _mark([entry.message for entry in entries if isinstance(entry, Mark)], now)
        ended = [_ended(entry, now) for entry in entries if not isinstance(entry, Mark)]
        if ended:
            # A row that another worker took over meanwhile is left to it.
            update_rows(ended, OUTCOME_FIELDS, guard="epoch")
    return [verdicts[entry.message.pk] if isinstance(entry, Mark) else Verdict.NOTED for entry in entries]


def _mark(messages: Sequence[Message], now: datetime) -> dict[int, Verdict]:
    """Turn claimed messages into SENDING, if they are still ours and their contact still wants them (promise S5)."""
    if not messages:
        return {}
    rows = Message.objects.filter(pk__in=[message.pk for message in messages], status=Status.QUEUED)
    epochs = dict((rows.select_for_update() if _locks() else rows).values_list("pk", "epoch"))
    gone = _unsubscribed({message.contact_id for message in messages if message.kind == Kind.MARKETING})
    verdicts = {}
    for message in messages:
        if epochs.get(message.pk) != message.epoch:
            verdicts[message.pk] = Verdict.LOST
        elif message.kind == Kind.MARKETING and (message.contact_id is None or message.contact_id in gone):
            verdicts[message.pk] = Verdict.UNSUBSCRIBED
        else:
            verdicts[message.pk] = Verdict.GO
            message.status, message.due_at = Status.SENDING, now + LEASE
    go = [message for message in messages if verdicts[message.pk] is Verdict.GO]
    if go:
        update_rows(go, ["status", "due_at", "subject", "message_id"], guard="epoch")
    return verdicts


def _unsubscribed(contacts: set[int | None]) -> set[int]:
    """Which of these contacts have unsubscribed; on PostgreSQL nobody else can until the mark is committed."""
    rows = Contact.objects.filter(pk__in=[pk for pk in contacts if pk is not None])
    rows = rows.select_for_update() if _locks() else rows
    return {pk for pk, subscribed in rows.values_list("pk", "subscribed") if not subscribed}


def _locks() -> bool:
    return connection.features.has_select_for_update


def _ended(entry: Done | Stop, now: datetime) -> Message:
    """The message with what became of it."""
    message = entry.message
    message.due_at = None
    match entry:
        case Stop(status=status, reason=reason):
            message.status, message.reason = status, reason[:WORDS_MAX]
        case Done(outcome=outcome, captured=captured):
            message.conversation = outcome.conversation
            _conclude(message, outcome, captured, now)
    return message


def _conclude(message: Message, outcome: Outcome, captured: bool, now: datetime) -> None:
    match outcome:
        case Accepted(receipt=receipt):
            message.status, message.reason = Status.CAPTURED if captured else Status.SENT, ""
            message.receipt, message.sent_at = receipt[:WORDS_MAX], now
        case Deferred(reason=reason) if now - (message.released_at or message.created_at) < GIVE_UP:
            message.status, message.reason = Status.QUEUED, f"will be tried again: {reason}"[:WORDS_MAX]
            message.due_at = now + min(RETRY_FIRST * 2 ** min(message.attempts - 1, 20), RETRY_LAST)
        case Deferred(reason=reason):
            message.status, message.reason = Status.FAILED, f"given up after 72 hours: {reason}"[:WORDS_MAX]
        case Refused(reason=reason):
            message.status, message.reason = Status.FAILED, reason[:WORDS_MAX]
        case Unknown(reason=reason):
            message.status, message.reason = Status.UNKNOWN, f"may or may not have been sent: {reason}"[:WORDS_MAX]


def orphans_to_unknown(now: datetime) -> int:
    """Messages whose worker vanished behind their mark may have left: never again by themselves. Returns how many."""
    orphans = Message.objects.filter(status=Status.SENDING, due_at__lte=now)
    reason = "may or may not have been sent: the worker stopped before the server's answer was written down"
    return orphans.update(status=Status.UNKNOWN, due_at=None, reason=reason)
