"""Keep messages on their way: claim what is due, send many at once, renew leases, find what others left behind."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connections

from cocoonmail import pipeline
from cocoonmail.emails.ledger import orphans_to_unknown
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.send import Sender, loaded
from cocoonmail.kit.changes import Changes
from cocoonmail.kit.claims import LEASE, claim
from cocoonmail.kit.clock import database_now

log = logging.getLogger(__name__)

IN_FLIGHT = 500  # Messages on their way at once
CLAIM_AT_LEAST = 250  # Free places that are worth a claim
RENEW_EVERY = 10.0  # Seconds after which the leases of messages on their way are renewed
STOP_WITHIN = 20.0  # Seconds that messages on their way get at the end
DATABASE_PAUSE = 1.0  # Seconds to wait when the database does not answer

assert LEASE.total_seconds() > RENEW_EVERY * 2  # One renewal may fail.

Result = TypeVar("Result")


class Dispatch:
    """One event loop's sending. Whatever asks the database does so at the desk, a thread of its own."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._sender = Sender()
        self._desk = ThreadPoolExecutor(1, "desk")
        self._flying: dict[asyncio.Task[None], Message] = {}
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Send until told to stop, then let what is on its way arrive."""
        changes = await self._at_desk(Changes)
        keeper = asyncio.create_task(self._keep_leases())
        while not self._stop.is_set():
            try:
                if not await self._take_up():
                    await self._at_desk(lambda: changes.wait(self._stop.is_set))
            except (OperationalError, InterfaceError) as error:
                log.warning("The database does not answer, trying again: %s", error)
                await self._at_desk(close_old_connections)
                await asyncio.sleep(DATABASE_PAUSE)
        if self._flying:
            await asyncio.wait(self._flying, timeout=STOP_WITHIN)
        keeper.cancel()
        await self._sender.aclose()
        await self._at_desk(connections.close_all)
        self._desk.shutdown()

    async def _take_up(self) -> bool:
        """Fill the free places. Returns whether there may be more to do at once."""
        free = IN_FLIGHT - len(self._flying)
        if free < CLAIM_AT_LEAST:
            self._room.clear()
            await self._room.wait()
            return True
        messages = await self._at_desk(lambda: claim_messages(free))
        for message in messages:
            task = asyncio.create_task(self._sender.send(message))
            self._flying[task] = message
            task.add_done_callback(self._landed)
        return bool(messages)

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


def claim_messages(limit: int) -> list[Message]:
    """Up to `limit` messages that are due, leased, with everything that sending needs."""
    return loaded(claim(pipeline.due_messages(), database_now(), limit))


def _renew(ids: list[int]) -> None:
    """Hold on to what is on its way, and give up on what a vanished worker held."""
    now = database_now()
    held = Message.objects.filter(pk__in=ids, status__in=[Status.QUEUED, Status.SENDING], due_at__lte=now + LEASE)
    held.update(due_at=now + LEASE)
    if lost := orphans_to_unknown(now):
        log.warning("%d messages may or may not have been sent: their worker vanished. See the Messages page.", lost)
