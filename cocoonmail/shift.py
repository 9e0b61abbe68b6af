"""A worker's shift: one thread processes and advances, one sends, until the operator says stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading

from django.db import InterfaceError, OperationalError, close_old_connections, connection

from cocoonmail import worker
from cocoonmail.dispatch import Dispatch
from cocoonmail.kit.changes import Changes

log = logging.getLogger(__name__)

DATABASE_PAUSE = 1.0  # Seconds to wait when the database does not answer


def work() -> None:
    """Work until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    hands = [
        threading.Thread(target=run_stages, args=(stop,), name="stages"),
        threading.Thread(target=lambda: asyncio.run(Dispatch(stop).run()), name="sending"),
    ]
    for hand in hands:
        hand.start()
    while not stop.wait(1):
        if not all(hand.is_alive() for hand in hands):
            stop.set()  # A shift with one hand missing is no shift: the supervisor starts a new one.
    for hand in hands:
        hand.join()


def run_stages(stop: threading.Event) -> None:
    """Process and advance whatever is due."""
    changes = Changes()
    while not stop.is_set():
        try:
            if not worker.step(worker.PROCESS) + worker.step(worker.ADVANCE):
                changes.wait(stop.is_set)
        except (OperationalError, InterfaceError) as error:
            log.warning("The database does not answer, trying again: %s", error)
            close_old_connections()
            stop.wait(DATABASE_PAUSE)
    connection.close()
