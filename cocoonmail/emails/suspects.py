"""Messages whose worker vanished with them in hand: tried in a child process, then in ever smaller groups, then held.

A worker that is killed, or taken down by one message, leaves all it had in hand: each is claimed again with `unsettled`
above 1. Nobody knows which one it was, and mostly it was none. So, before such a message is sent, its letter is written
once in a child process, whose death is that message's and nobody else's. Those that were left behind a second time go
apart from all others, 32 together, and with each further time half as many, until the one that it is goes alone. After
eight tries it is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from django.db import connection

from cocoonmail.emails.consent import TRIED
from cocoonmail.emails.letters import write
from cocoonmail.emails.models import Message, Status
from cocoonmail.kit.expendable import casualties
from cocoonmail.kit.rows import update_rows

APART_FROM = 2  # Claims after which nothing was written, and whoever is claimed next goes apart from the others
TRIES_MAX = 8  # Then a message is held (promise R10)
RETRY_FIRST = timedelta(seconds=2)  # Doubled with every further try
LOOKED_AT = 100  # Messages that go apart, among which some are looked for that may go together
HARMLESS_MAX = 10_000

_harmless: set[int] = set()  # Ids of messages whose letter left a child of this process alive

FIELDS = ["status", "reason", "due_at", "unsettled"]
VANISHED = "its worker vanished, or failed, each time it had this message in hand: its log may say why"


def expected(messages: Sequence[Message], now: datetime) -> list[Message]:
    """Those of these claimed, loaded messages that leave the worker alive, as far as can be told; the others say why.

    One that ends its child is tried again ever later: 2 s, 4 s … and held after the eighth time.
    """
    worn = [message for message in messages if message.unsettled > TRIES_MAX]
    for message in worn:
        _hold(message, VANISHED)
    suspects = [message for message in messages if 1 < message.unsettled <= TRIES_MAX and message.pk not in _harmless]
    ended = casualties([partial(write, message) for message in suspects])
    for at, how in ended.items():
        _blame(suspects[at], f"writing it ended its process ({how})", now)
    bad = [*worn, *(suspects[at] for at in ended)]
    if bad:
        update_rows(bad, FIELDS, guard="epoch")
    gone = {message.pk for message in bad}
    return [message for message in messages if message.pk not in gone]


def harmless(pk: int) -> bool:
    """Whether the letter of this message left a child of this process alive."""
    return pk in _harmless


def try_out(messages: Sequence[Message]) -> None:
    """Write the letters of loaded messages that will go alone, all in one child: `expected` passes over who survives.

    A child for each is made within milliseconds, but hundreds are left behind when a worker is killed twice.
    """
    ended = casualties([partial(write, message) for message in messages])
    if len(_harmless) > HARMLESS_MAX:
        _harmless.clear()
    _harmless.update(message.pk for at, message in enumerate(messages) if at not in ended)


def left_behind_twice(now: datetime) -> list[int]:
    """The ids of messages that are due and may go together, apart from all others: the oldest, and those as often left.

    It costs nothing where there are none.
    """
    table, moment = connection.ops.quote_name(Message._meta.db_table), connection.ops.adapt_datetimefield_value(now)
    # The number stands in the statement, for the index is there for this number alone.
    statement = (
        f"SELECT id, unsettled FROM {table} WHERE unsettled >= {APART_FROM} AND due_at <= %s ORDER BY due_at LIMIT %s"  # noqa: S608
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [moment, LOOKED_AT])
        rows = cursor.fetchall()
    return [pk for pk, unsettled in rows if unsettled == rows[0][1]][: together(rows[0][1])] if rows else []


def together(unsettled: int) -> int:
    """How many that were left behind so often go at once: at the last try each goes alone."""
    return 1 << max(TRIES_MAX - 1 - unsettled, 0)


def _blame(message: Message, words: str, now: datetime) -> None:
    if message.unsettled >= TRIES_MAX:
        _hold(message, words)
    else:
        message.reason = f"{TRIED}{words}"
        message.due_at = now + RETRY_FIRST * 2 ** (message.unsettled - 2)


def _hold(message: Message, words: str) -> None:
    """A person can release it; then it goes alone."""
    message.status, message.due_at, message.unsettled = Status.HELD, None, TRIES_MAX - 1
    message.reason = f"given up after {TRIES_MAX} tries: {words}"
