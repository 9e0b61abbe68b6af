"""A worker's shift: some threads process and advance, one sends, until the operator says stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections, connection

from cocoonmail import counts, worker
from cocoonmail.dispatch import Dispatch
from cocoonmail.kit.changes import Changes, Channel
from cocoonmail.retention import keep_tidy
from cocoonmail.worker import Stage

log = logging.getLogger(__name__)

DATABASE_PAUSE = 1.0  # Seconds to wait when the database does not answer
LOOK_EVERY = 0.1  # Seconds between two looks whether somebody said stop
BACKFILLS_EVERY = 2.0  # Seconds between two looks for a backfill: there hardly ever is one

STAGES: Mapping[str, Stage[Any]] = {"process": worker.PROCESS, "advance": worker.ADVANCE}
SEND = "send"


def work(stages: Collection[str] = (), concurrency: int = 1) -> None:
    """Work until SIGTERM or SIGINT: at these stages (none named: at all), on so many threads beside the one that sends.

    A thread more helps while others wait for the database; a processor more wants a process more.
    """
    stop, asked = threading.Event(), list[int]()
    for number in (signal.SIGTERM, signal.SIGINT):
        # Nothing with a lock: the second of two signals interrupts whatever the first one's handler is at.
        signal.signal(number, lambda number, _: asked.append(number))
    hands = list(_hands(stop, stages or (*STAGES, SEND), concurrency))
    # Nobody needs it to go on: where it fails, the work does.
    tidying = threading.Thread(target=keep_tidy, args=(stop,), name="tidying")
    for hand in [*hands, tidying]:
        hand.start()
    # A shift with one hand missing is no shift: the supervisor starts a new one.
    while not asked and all(hand.is_alive() for hand in hands):
        time.sleep(LOOK_EVERY)
    stop.set()
    for hand in [*hands, tidying]:
        hand.join()


def _hands(stop: threading.Event, stages: Collection[str], concurrency: int) -> Iterator[threading.Thread]:
    if mine := [stage for name, stage in STAGES.items() if name in stages]:
        for _ in range(concurrency):
            yield threading.Thread(target=run_stages, args=(stop, mine), name="stages")
    if "process" in stages:
        yield threading.Thread(target=run_backfills, args=(stop,), name="backfills")
    if SEND in stages:
        yield threading.Thread(target=lambda: asyncio.run(Dispatch(stop).run()), name="sending")


def run_stages(stop: threading.Event, stages: Sequence[Stage[Any]] = tuple(STAGES.values())) -> None:
    """Work off whatever is due at these stages."""
    changes, in_vain = Changes(Channel.STAGES), 0

    def turn() -> None:
        nonlocal in_vain
        if sum(worker.step(stage) for stage in stages):
            in_vain = 0
        else:
            changes.wait(stop.is_set, in_vain)
            in_vain += 1

    _go_on(stop, turn)


def run_backfills(stop: threading.Event) -> None:
    """Fetch whatever is to be fetched from platforms."""

    def turn() -> None:
        if not worker.step(worker.BACKFILL, limit=1):
            stop.wait(BACKFILLS_EVERY)

    _go_on(stop, turn)


def _go_on(stop: threading.Event, turn: Callable[[], None]) -> None:
    """One turn after the other until told to stop, whether the database answers or not."""
    while not stop.is_set():
        try:
            turn()
        except (OperationalError, InterfaceError) as error:
            counts.DATABASE_ERRORS.add("stages")
            log.warning("The database does not answer, trying again: %s", error)
            close_old_connections()
            stop.wait(DATABASE_PAUSE)
    connection.close()
