"""Keep messages on their way: claim what is due, send many at once, renew leases, find what others left behind."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from functools import partial
from time import monotonic
from types import MappingProxyType
from typing import TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections, connections, transaction
from django.db.models import QuerySet

from cocoonmail import counts, pipeline
from cocoonmail.accounts.epoch import may_send
from cocoonmail.emails.consent import REFUSAL_FIELDS, refusal, refuse, standings
from cocoonmail.emails.ledger import Rules, orphans_to_unknown
from cocoonmail.emails.limits import Key, Limits
from cocoonmail.emails.loading import limited_workspaces, load
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.pace import PATIENCE, crowded, not_before
from cocoonmail.emails.send import Sender
from cocoonmail.emails.suspects import APART_FROM, expected, harmless, left_behind_twice, try_out
from cocoonmail.kit.changes import Changes, Channel
from cocoonmail.kit.claims import LEASE, claim, due_workspaces
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.rows import update_rows

log = logging.getLogger(__name__)

IN_FLIGHT = 500  # Messages of one workspace on their way at once
CLAIM_AT_LEAST = 250  # Free places that are worth a claim
PLACES = 2000  # Messages on their way at once: where many workspaces send, each has its share of these
RENEW_EVERY = 10.0  # Seconds after which the leases of messages on their way are renewed
ORPHANS_EVERY = 2.0  # Seconds after which what a vanished worker had marked is looked for
LOOK_UP_EVERY = 0.1  # Seconds after which who waits for free places looks for others, and whether it was told to stop
APART_WITHIN = 5.0  # Seconds that others get to land before a message that goes alone, and this one before others
STOP_WITHIN = 20.0  # Seconds that messages on their way get at the end
DATABASE_PAUSE = 1.0  # Seconds to wait when the database does not answer

assert LEASE.total_seconds() > RENEW_EVERY * 2  # One renewal may fail.
assert CLAIM_AT_LEAST < IN_FLIGHT < PLACES

NOTHING_HELD: Mapping[int, int] = MappingProxyType({})
COUNTING = ["attempts", "unsettled"]
PUT_BACK_FIELDS = ["due_at", "attempts", "unsettled"]
RULES = Rules(paused=pipeline.paused_loops, resending=pipeline.resending_loops)

Result = TypeVar("Result")


class Dispatch:
    """One event loop's sending. Whatever asks the database does so at the desk, a thread of its own."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._sender = Sender(RULES)
        self._desk = ThreadPoolExecutor(1, "desk")
        self._flying: dict[asyncio.Task[None], Message] = {}
        self._held: Counter[int] = Counter()  # How many of them are whose, by workspace
        self._share = IN_FLIGHT
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Send until told to stop, then let what is on its way arrive."""
        changes = await self._at_desk(lambda: Changes(Channel.SENDING))
        keeper = asyncio.create_task(self._keep_leases())
        while not self._stop.is_set() and not keeper.done():
            try:
                if not await self._take_up():
                    await self._at_desk(lambda: changes.wait(self._stop.is_set))
            except (OperationalError, InterfaceError) as error:
                counts.DATABASE_ERRORS.add("sending")
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
        counts.TURNED["send"] = monotonic()
        if apart := await self._at_desk(anyone_apart):
            await self._send_apart()
        self._room.clear()
        in_hand, held = list(self._waiting().values()), dict(self._held)
        messages = await self._at_desk(lambda: claim_messages(PLACES - sum(held.values()), in_hand, held))
        self._fly(messages)
        if messages or apart:
            return True
        if all(worth_a_claim(number, self._share) for number in self._held.values()):
            return False
        if len(self._flying) > PLACES - CLAIM_AT_LEAST:
            await self._make_room()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._room.wait(), LOOK_UP_EVERY)
        return True

    async def _make_room(self) -> None:
        """What workspaces have above their share and has no connection goes back, if others have something to send."""
        due, waiting = await self._at_desk(lambda: due_workspaces(Message, database_now())), self._waiting()
        if not rooms(due, self._held):
            return
        share, back = share_of(due, self._held), []
        above = {workspace: number - share for workspace, number in self._held.items()}
        for task, message in reversed(waiting.items()):
            if above[message.workspace_id] > 0:
                above[message.workspace_id] -= 1
                task.cancel()
                back.append(message)
        if back:
            await self._at_desk(lambda: put_back(back))

    async def _send_apart(self) -> None:
        """Messages whose workers vanished, with as little else in hand as can be."""
        await self._all_landed(APART_WITHIN)
        self._fly(await self._at_desk(claim_apart))
        await self._all_landed(APART_WITHIN)

    async def _all_landed(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while self._flying and not self._stop.is_set() and asyncio.get_running_loop().time() < end:
            await asyncio.wait(self._flying, timeout=LOOK_UP_EVERY)

    def _fly(self, messages: Sequence[Message]) -> None:
        if messages:
            counts.BATCH.note(len(messages), "send")
        for message in messages:
            task = asyncio.create_task(self._sender.send(message))
            self._flying[task] = message
            self._held[message.workspace_id] += 1
            task.add_done_callback(self._landed)
        self._share = share_of((), self._held)

    def _waiting(self) -> dict[asyncio.Task[None], Message]:
        """What was claimed and has no connection yet, and so no slot.

        A task that ended is among those on their way until its callback runs, in the loop's next turn: what became of
        its message is written, and stays.
        """
        flying, under_way = self._flying.items(), self._sender.under_way
        return {task: message for task, message in flying if not task.done() and message.pk not in under_way}

    def _landed(self, task: asyncio.Task[None]) -> None:
        """A message that raised keeps its lease: then it is tried again, or shown as unknown if it was marked."""
        message = self._flying.pop(task)
        self._held[message.workspace_id] -= 1
        if worth_a_claim(self._held[message.workspace_id], self._share):
            self._room.set()
        if not self._held[message.workspace_id]:
            del self._held[message.workspace_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("message %s could not be sent", message.pk, exc_info=error)

    async def _keep_leases(self) -> None:
        now = asyncio.get_running_loop().time
        renew_at = now()
        while True:
            try:
                if now() >= renew_at:
                    await self._at_desk(partial(_renew, list(self._flying.values())))
                    renew_at = now() + RENEW_EVERY
                await self._at_desk(_give_up_on_orphans)
            except (OperationalError, InterfaceError) as error:
                counts.DATABASE_ERRORS.add("leases")
                log.warning("The leases of %d messages were not renewed: %s", len(self._flying), error)
            await asyncio.sleep(ORPHANS_EVERY)

    async def _at_desk(self, job: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._desk, job)


def share_of(due: Collection[int], held: Mapping[int, int]) -> int:
    """How many places each workspace may have that has a message due or on its way (`held`, by workspace)."""
    return max(min(IN_FLIGHT, PLACES // max(len({*due, *held}), 1)), 1)


def worth_a_claim(held: int, share: int) -> bool:
    """Whether a workspace that holds so many of its places has enough free ones."""
    return (share - held) * IN_FLIGHT >= share * CLAIM_AT_LEAST


def rooms(due: Collection[int], held: Mapping[int, int]) -> dict[int, int]:
    """Of which workspaces messages are to be claimed, and how many of each at most."""
    share = share_of(due, held)
    return {at: share - held.get(at, 0) for at in due if worth_a_claim(held.get(at, 0), share)}


def claim_messages(
    limit: int, in_hand: Sequence[Message] = (), held: Mapping[int, int] = NOTHING_HELD
) -> list[Message]:
    """Up to `limit` messages that are due and may go out as it looks now, leased, with all that sending needs.

    Those that may not are told so on their rows. Those whose turn is too far away go back until then; `in_hand` are
    those that were claimed before and wait for their turn, ahead of these. `held` says how many are on their way
    already, by workspace.
    """
    now = database_now()
    if not may_send():
        return []
    room = rooms(due_workspaces(Message, now), held)
    if not room:
        return []
    limits = limited_workspaces()
    ahead = _keys(_paced(in_hand, limits), limits)
    due = pipeline.due_messages().filter(unsettled__lt=APART_FROM).exclude(crowded(limits, now, ahead))
    return _ready(claim(due, now, room, limit, counting=COUNTING), limits, now, ahead)


def anyone_apart() -> bool:
    """Whether a message may go out now, but none beside it (emails.suspects)."""
    now = database_now()
    ids = left_behind_twice(now)
    return bool(ids) and may_send() and _apart(ids, limited_workspaces(), now).exists()


def claim_apart() -> list[Message]:
    """Some such messages, as claim_messages returns them."""
    now, limits = database_now(), limited_workspaces()
    due = _apart(left_behind_twice(now), limits, now)
    rows = list(due.values_list("pk", "workspace_id"))
    if rows and not any(harmless(pk) for pk, _ in rows):
        try_out(load(Message.objects.filter(pk__in=[pk for pk, _ in rows])))
    room = dict(Counter(workspace for _, workspace in rows))
    return _ready(claim(due, now, room, len(rows), counting=COUNTING), limits, now)


def _apart(ids: Sequence[int], limits: Mapping[int, Limits], now: datetime) -> QuerySet[Message]:
    return pipeline.due_messages().filter(pk__in=ids).exclude(crowded(limits, now))


def _ready(
    claimed: Sequence[Message], limits: Mapping[int, Limits], now: datetime, ahead: Sequence[tuple[Key, ...]] = ()
) -> list[Message]:
    """Those that can leave now; what becomes of the others is written on their rows."""
    return expected(load(_in_turn(_allowed(claimed, now), limits, now, ahead)), now)


def put_back(messages: Sequence[Message]) -> None:
    """Claimed messages that nothing was done about are due again at once, and no attempt is counted."""
    now = database_now()
    for message in messages:
        message.put_back(now)
    update_rows(messages, PUT_BACK_FIELDS, guard="epoch", where={"status": Status.QUEUED})


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
        message.put_back(at)
    if late:
        update_rows([message for message, _ in late], PUT_BACK_FIELDS, guard="epoch")
    gone = {message.pk for message, _ in late}
    return [message for message in messages if message.pk not in gone]


def _paced(messages: Sequence[Message], limits: Mapping[int, Limits]) -> list[Message]:
    return [message for message in messages if message.workspace_id in limits] if limits else []


def _keys(messages: Sequence[Message], limits: Mapping[int, Limits]) -> list[tuple[Key, ...]]:
    return [limits[message.workspace_id].keys(message.workspace_id, message.to_email) for message in messages]


def _renew(flying: Sequence[Message]) -> None:
    """Hold on to what is on its way and still ours."""
    now = database_now()
    epochs = {message.pk: message.epoch for message in flying}
    held = Message.objects.filter(pk__in=epochs, status__in=[Status.QUEUED, Status.SENDING], due_at__lte=now + LEASE)
    with transaction.atomic():
        # What the ledger has in hand gets a new time from it, and whoever waited for it here could make it wait too.
        free = held.select_for_update(skip_locked=True).values_list("pk", "epoch")
        ours = [pk for pk, epoch in free if epochs[pk] == epoch]
        Message.objects.filter(pk__in=ours).update(due_at=now + LEASE)


def _give_up_on_orphans() -> None:
    """Show what a vanished worker had marked, within seconds of its lease's end (promise W3)."""
    if lost := orphans_to_unknown(database_now(), RULES):
        log.warning("%d messages may or may not have been sent: their worker vanished. See the Messages page.", lost)
