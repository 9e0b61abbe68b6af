"""Keep messages on their way: claim what is due, send many at once, renew leases, find what others left behind."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connections, transaction

from cocoonmail import pipeline
from cocoonmail.emails.consent import REFUSAL_FIELDS, refusal, refuse, standings
from cocoonmail.emails.ledger import Rules, orphans_to_unknown
from cocoonmail.emails.limits import Key, Limits
from cocoonmail.emails.loading import limited_workspaces, load
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.pace import PATIENCE, crowded, not_before
from cocoonmail.emails.send import Sender
from cocoonmail.kit.changes import Changes
from cocoonmail.kit.claims import LEASE, anything_due, claim
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.rows import update_rows

log = logging.getLogger(__name__)

IN_FLIGHT = 500  # Messages on their way at once
CLAIM_AT_LEAST = 250  # Free places that are worth a claim
RENEW_EVERY = 10.0  # Seconds after which the leases of messages on their way are renewed
LOOK_UP_EVERY = 0.25  # Seconds after which who waits for free places looks whether it was told to stop
STOP_WITHIN = 20.0  # Seconds that messages on their way get at the end
DATABASE_PAUSE = 1.0  # Seconds to wait when the database does not answer

assert LEASE.total_seconds() > RENEW_EVERY * 2  # One renewal may fail.

RULES = Rules(paused=pipeline.paused_loops, resending=pipeline.resending_loops)

Result = TypeVar("Result")


class Dispatch:
    """One event loop's sending. Whatever asks the database does so at the desk, a thread of its own."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._sender = Sender(RULES)
        self._desk = ThreadPoolExecutor(1, "desk")
        self._flying: dict[asyncio.Task[None], Message] = {}
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Send until told to stop, then let what is on its way arrive."""
        changes = await self._at_desk(Changes)
        keeper = asyncio.create_task(self._keep_leases())
        while not self._stop.is_set() and not keeper.done():
            try:
                if not await self._take_up():
                    await self._at_desk(lambda: changes.wait(self._stop.is_set))
            except (OperationalError, InterfaceError) as error:
                log.warning("The database does not answer, trying again: %s", error)
                await self._at_desk(close_old_connections)
                await asyncio.sleep(DATABASE_PAUSE)
        await self._land_all()
        if keeper.done():
            keeper.result()  # Without it, leases end while their messages are on their way: this worker is of no use.
        keeper.cancel()
        await self._sender.aclose()
        await self._at_desk(connections.close_all)
        self._desk.shutdown()

    async def _land_all(self) -> None:
        """Let what has a connection arrive. What still waits for one goes back into the queue, for other workers."""
        waiting = self._waiting()
        for task in waiting:
            task.cancel()
        if waiting:
            await self._at_desk(lambda: put_back(list(waiting.values())))
        if self._flying:
            await asyncio.wait(self._flying, timeout=STOP_WITHIN)

    async def _take_up(self) -> bool:
        """Fill the free places. Returns whether there may be more to do at once."""
        free = IN_FLIGHT - len(self._flying)
        if free < CLAIM_AT_LEAST:
            self._room.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), LOOK_UP_EVERY)
            return True
        in_hand = list(self._waiting().values())
        messages = await self._at_desk(lambda: claim_messages(free, in_hand))
        for message in messages:
            task = asyncio.create_task(self._sender.send(message))
            self._flying[task] = message
            task.add_done_callback(self._landed)
        return bool(messages)

    def _waiting(self) -> dict[asyncio.Task[None], Message]:
        """What was claimed and has no connection yet, and so no slot."""
        return {task: message for task, message in self._flying.items() if message.pk not in self._sender.under_way}

    def _landed(self, task: asyncio.Task[None]) -> None:
        """A message that raised keeps its lease: then it is tried again, or shown as unknown if it was marked."""
        message = self._flying.pop(task)
        if len(self._flying) <= IN_FLIGHT - CLAIM_AT_LEAST:
            self._room.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("message %s could not be sent", message.pk, exc_info=error)

    async def _keep_leases(self) -> None:
        while True:
            ids = [message.pk for message in self._flying.values()]
            try:
                await self._at_desk(partial(_renew, ids))
            except (OperationalError, InterfaceError) as error:
                log.warning("The leases of %d messages were not renewed: %s", len(ids), error)
            await asyncio.sleep(RENEW_EVERY)

    async def _at_desk(self, job: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._desk, job)


def claim_messages(limit: int, in_hand: Sequence[Message] = ()) -> list[Message]:
    """Up to `limit` messages that are due and may go out as it looks now, leased, with all that sending needs.

    Those that may not are told so on their rows. Those whose turn is too far away go back until then; `in_hand` are
    those that were claimed before and wait for their turn, ahead of these.
    """
    now = database_now()
    if not anything_due(Message, now):
        return []
    limits = limited_workspaces()
    ahead = _keys(_paced(in_hand, limits), limits)
    claimed = claim(pipeline.due_messages().exclude(crowded(limits, now, ahead)), now, limit)
    return load(_in_turn(_allowed(claimed, now), limits, now, ahead))


def put_back(messages: Sequence[Message]) -> None:
    """Claimed messages that nothing was done about are due again at once, and no attempt is counted."""
    now = database_now()
    for message in messages:
        message.due_at, message.attempts = now, max(message.attempts - 1, 0)
    update_rows(messages, ["due_at", "attempts"], guard="epoch", where={"status": Status.QUEUED})


def _allowed(messages: Sequence[Message], now: datetime) -> list[Message]:
    """The ledger asks again, last of all; who is refused here does not cost a connection."""
    standing = standings(messages, pipeline.paused_loops, lock=False)
    allowed, refused = [], []
    for message in messages:
        if words := refusal(standing[message.pk], message, now):
            refuse(message, words, now)
            refused.append(message)
        else:
            allowed.append(message)
    if refused:
        update_rows(refused, REFUSAL_FIELDS, guard="epoch")
    return allowed


def _in_turn(
    messages: Sequence[Message], limits: Mapping[int, Limits], now: datetime, ahead: Sequence[tuple[Key, ...]]
) -> list[Message]:
    """Those that can leave within the patience of a slot."""
    paced = _paced(messages, limits)
    turns = not_before(_keys(paced, limits), now, ahead)
    late = [(one, at) for one, at in zip(paced, turns, strict=True) if at - now > PATIENCE]
    for message, at in late:
        message.due_at, message.attempts = at, max(message.attempts - 1, 0)
    if late:
        update_rows([message for message, _ in late], ["due_at", "attempts"], guard="epoch")
    gone = {message.pk for message, _ in late}
    return [message for message in messages if message.pk not in gone]


def _paced(messages: Sequence[Message], limits: Mapping[int, Limits]) -> list[Message]:
    return [message for message in messages if message.workspace_id in limits] if limits else []


def _keys(messages: Sequence[Message], limits: Mapping[int, Limits]) -> list[tuple[Key, ...]]:
    return [limits[message.workspace_id].keys(message.workspace_id, message.to_email) for message in messages]


def _renew(ids: list[int]) -> None:
    """Hold on to what is on its way, and give up on what a vanished worker held."""
    now = database_now()
    held = Message.objects.filter(pk__in=ids, status__in=[Status.QUEUED, Status.SENDING], due_at__lte=now + LEASE)
    with transaction.atomic():
        # What the ledger has in hand gets a new time from it, and whoever waited for it here could make it wait too.
        free = list(held.select_for_update(skip_locked=True).values_list("pk", flat=True))
        Message.objects.filter(pk__in=free).update(due_at=now + LEASE)
    if lost := orphans_to_unknown(now, RULES):
        log.warning("%d messages may or may not have been sent: their worker vanished. See the Messages page.", lost)
