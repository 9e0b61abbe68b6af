"""What must be on disk around the network: the mark before a message's final dot, and the outcome after it.

Many messages' marks and outcomes are one transaction (kit.groupcommit), written by one thread.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from time import monotonic
from typing import TypeAlias

from django.db import OperationalError, connection, transaction

from cocoonmail import counts
from cocoonmail.accounts.epoch import next_mark, note
from cocoonmail.emails.again import became_unknown
from cocoonmail.emails.consent import REFUSAL_FIELDS, TRIED, LoopsOf, refusal, refuse, standings
from cocoonmail.emails.limits import Key
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.pace import LEAD, PATIENCE, Later, Slot, Turn, reserve, still_good
from cocoonmail.kit.claims import LEASE, due_workspaces
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.rows import update_rows, was_ring
from cocoonmail.transports.base import Accepted, Deferred, Outcome, Refused, Unknown

log = logging.getLogger(__name__)

GIVE_UP = timedelta(hours=72)  # How long a message is tried again (promise S8)
SLOWED = timedelta(seconds=5)  # What waits for a server that gave trouble; its transport's own pauses come on top
RETRY_FIRST, RETRY_LAST = timedelta(seconds=30), timedelta(hours=2)
WORDS_MAX = 1000  # Characters of a server's words that are kept
RINGS_MAX = 3  # How often entries are written again; PostgreSQL looks for a ring of waiting after a second

MARK_FIELDS = ["status", "due_at", "subject", "message_id"]
OUTCOME_FIELDS = (
    "status reason receipt conversation subject message_id due_at attempts unsettled sent_at".split()
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """What the ledger asks of the loops, which live above it: which stand still, and which send again by themselves."""

    paused: LoopsOf
    resending: LoopsOf


NO_LOOPS = Rules(paused=lambda _: (), resending=lambda _: ())


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything but the final dot has been handed over: may the dot follow?

    `keys` name what paces it; `slot` is the one that an earlier Mark was answered with, once it has come.
    """

    message: Message
    keys: tuple[Key, ...] = ()
    slot: Slot | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a message."""

    message: Message
    outcome: Outcome
    captured: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """The message does not go out as it is, for a reason of our own; a person can release it."""

    message: Message
    reason: str


@dataclass(frozen=True, slots=True)
class Postpone:
    """No dot was sent, and nothing speaks against the message: it is due again then, and no attempt is counted.

    `until` is a moment of the database's clock, or seconds from now.
    """

    message: Message
    until: datetime | float


@dataclass(frozen=True, slots=True)
class Soon:
    """Ask again in so many seconds, and bring the slot in which the dot may follow then, if one is given."""

    slot: Slot | None
    seconds: float


class Verdict(Enum):
    """The answer to a Mark, and to everything else NOTED."""

    GO = auto()
    REFUSED = auto()  # It may not go out any more, which is written on its row
    LOST = auto()  # Another worker has it, or it no longer waits
    NOTED = auto()


Entry: TypeAlias = Mark | Done | Stop | Postpone
# Later is too far away to be waited for with everything but the dot handed over.
Answer: TypeAlias = Verdict | Soon | Later


def write_ledger(entries: Sequence[Entry], rules: Rules = NO_LOOPS) -> list[Answer]:
    """Write entries in one transaction, on disk when this returns; one answer each, in order.

    Where the database undid it to end a ring of waiting (PostgreSQL: deadlock), it is written again: what became of
    messages that have left must not be forgotten because somebody changes a loop.
    """
    began = monotonic()
    answers = _write_unringed(entries, rules)
    counts.LEDGER_COMMIT.note(monotonic() - began)
    counts.LEDGER_BATCH.note(len(entries))
    for entry, answer in zip(entries, answers, strict=True):
        _count(entry, answer)
    return answers


def _write_unringed(entries: Sequence[Entry], rules: Rules) -> list[Answer]:
    tried = [(entry.message.attempts, entry.message.unsettled) for entry in entries]
    for _ in range(RINGS_MAX):
        try:
            return _write(entries, rules)
        except OperationalError as error:
            if not was_ring(error):
                raise
            log.warning("The database undid %d entries of the ledger, writing them again: %s", len(entries), error)
        for entry, counted in zip(entries, tried, strict=True):
            entry.message.attempts, entry.message.unsettled = counted
    return _write(entries, rules)


def _write(entries: Sequence[Entry], rules: Rules) -> list[Answer]:
    with transaction.atomic():
        now = database_now()
        ended = [_ended(entry, now) for entry in entries if not isinstance(entry, Mark)]
        if ended:
            # A row that another worker took over meanwhile is left to it.
            update_rows(ended, OUTCOME_FIELDS, guard="epoch")
        if unknown := [message.pk for message in ended if message.status == Status.UNKNOWN]:
            became_unknown(unknown, rules.resending, now)
        marks = [entry for entry in entries if isinstance(entry, Mark)]
        counted = next_mark() if marks else None
        answers = _mark(marks, rules, now) if counted else {mark.message.pk: Later(now) for mark in marks}
    if counted:
        note(counted)
    return [answers[entry.message.pk] if isinstance(entry, Mark) else Verdict.NOTED for entry in entries]


def _count(entry: Entry, answer: Answer) -> None:
    match entry:
        case Mark() if answer is Verdict.LOST:
            counts.MARKS.add("lost")
            counts.LEASES_LOST.add("send")
        case Mark():
            counts.MARKS.add(answer.name.lower() if isinstance(answer, Verdict) else type(answer).__name__.lower())
        case Stop():
            counts.OUTCOMES.add("held")
        case Postpone():
            counts.OUTCOMES.add("postponed")
        case Done(outcome=Unknown()):
            counts.OUTCOMES.add("unknown")
            counts.UNKNOWN.add("no_answer")
        case Done(outcome=outcome, captured=captured):
            counts.OUTCOMES.add("captured" if captured else type(outcome).__name__.lower())


def _mark(marks: Sequence[Mark], rules: Rules, now: datetime) -> dict[int, Answer]:
    """Turn claimed messages into SENDING, if they are still ours and may still go out (promises S5, S6, S7)."""
    answers: dict[int, Answer] = {}
    standing = standings([mark.message for mark in marks], rules.paused)
    allowed, refused = [], []
    for mark in marks:
        if refusal_ := refusal(standing[mark.message.pk], mark.message, now):
            refuse(mark.message, refusal_, now)
            refused.append(mark.message)
            answers[mark.message.pk] = Verdict.REFUSED
        else:
            allowed.append(mark)
    if refused:
        update_rows(refused, REFUSAL_FIELDS, guard="epoch")
    go = _paced(allowed, now, answers)
    return answers | _go(go, now)


def _paced(marks: Sequence[Mark], now: datetime, answers: dict[int, Answer]) -> list[Message]:
    """Those whose turn has come; the others' answers say when it comes."""
    turns = reserve([() if mark.slot else mark.keys for mark in marks], now)
    go = []
    for mark, turn in zip(marks, turns, strict=True):
        if not mark.keys or (mark.slot and still_good(mark.slot, now + LEAD)):
            go.append(mark.message)
        else:
            answers[mark.message.pk] = Later(now) if mark.slot else _soon_or_later(turn, now)
    return go


def _soon_or_later(turn: Turn, now: datetime) -> Soon | Later:
    match turn:
        case Slot(starts=starts):
            return Soon(turn, (starts - now).total_seconds())
        case Later(at=at) if at - now <= PATIENCE:
            return Soon(None, (at - now).total_seconds())
        case Later():
            return turn


def _go(messages: Sequence[Message], now: datetime) -> dict[int, Answer]:
    """Mark them, and tell those that are ours from those that another worker, or a person, has taken over."""
    if not messages:
        return {}
    for message in messages:
        message.status, message.due_at = Status.SENDING, now + LEASE
    marked = update_rows(messages, MARK_FIELDS, guard="epoch", where={"status": Status.QUEUED})
    if marked == len(messages):
        return dict.fromkeys((message.pk for message in messages), Verdict.GO)
    rows = Message.objects.filter(pk__in=[message.pk for message in messages], due_at=now + LEASE)
    epochs = dict(rows.filter(status=Status.SENDING).values_list("pk", "epoch"))
    return {message.pk: Verdict.GO if epochs.get(message.pk) == message.epoch else Verdict.LOST for message in messages}


def _ended(entry: Done | Stop | Postpone, now: datetime) -> Message:
    """The message with what became of it."""
    message = entry.message
    message.due_at = None
    match entry:
        case Stop(reason=reason):
            message.status, message.reason, message.unsettled = Status.HELD, reason[:WORDS_MAX], 0
        case Postpone(until=until):
            message.put_back(until if isinstance(until, datetime) else now + timedelta(seconds=until))
        case Done(outcome=outcome, captured=captured):
            message.conversation, message.unsettled = outcome.conversation, 0
            _conclude(message, outcome, captured, now)
    return message


def _conclude(message: Message, outcome: Outcome, captured: bool, now: datetime) -> None:
    match outcome:
        case Accepted(receipt=receipt):
            message.status, message.reason = Status.CAPTURED if captured else Status.SENT, ""
            message.receipt, message.sent_at = receipt[:WORDS_MAX], now
        case Deferred(reason=reason, slow_down=True) if _is_young(message, now):
            message.reason = f"{TRIED}{reason}"[:WORDS_MAX]
            message.put_back(now + SLOWED)
        case Deferred(reason=reason) if _is_young(message, now):
            message.status, message.reason = Status.QUEUED, f"{TRIED}{reason}"[:WORDS_MAX]
            message.due_at = now + min(RETRY_FIRST * 2 ** min(message.attempts - 1, 20), RETRY_LAST)
        case Deferred(reason=reason):
            message.status, message.reason = Status.FAILED, f"given up after 72 hours: {reason}"[:WORDS_MAX]
        case Refused(reason=reason, lacking=True):
            message.status, message.reason = Status.HELD, reason[:WORDS_MAX]
        case Refused(reason=reason):
            message.status, message.reason = Status.FAILED, reason[:WORDS_MAX]
        case Unknown(reason=reason):
            message.status, message.reason = Status.UNKNOWN, f"may or may not have been sent: {reason}"[:WORDS_MAX]


def _is_young(message: Message, now: datetime) -> bool:
    return now - (message.released_at or message.created_at) < GIVE_UP


def orphans_to_unknown(now: datetime, rules: Rules = NO_LOOPS) -> int:
    """Messages whose worker vanished behind their mark may have left: they are shown, or sent again as their loop says.

    Returns how many there were.
    """
    reason = "may or may not have been sent: the worker stopped before the server's answer was written down"
    with transaction.atomic():
        # Through the index of what is due, which begins with the workspace.
        due = due_workspaces(Message, now)
        orphans = Message.objects.filter(workspace_id__in=due, status=Status.SENDING, due_at__lte=now)
        ids = list((orphans.select_for_update() if _locks() else orphans).values_list("pk", flat=True))
        if ids:
            Message.objects.filter(pk__in=ids).update(status=Status.UNKNOWN, due_at=None, reason=reason)
            became_unknown(ids, rules.resending, now)
    counts.UNKNOWN.add("worker_vanished", len(ids))
    return len(ids)


def _locks() -> bool:
    return connection.features.has_select_for_update
