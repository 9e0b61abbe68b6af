"""A worker's heartbeat: a row that says that it is alive, and how its machine's clock stands to the database's."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.db import connection

from cocoonmail import counts
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.secrets import new_token
from cocoonmail.watch.models import BEAT, Worker

log = logging.getLogger(__name__)

STOP_WITHIN = 2.0  # Seconds that the end of the work waits for the last word; a database that hangs gets no more
FORGET = timedelta(days=1)  # Rows of workers that ended without a word are kept so long


@contextmanager
def heartbeat() -> Iterator[None]:
    """Be seen as long as the block lasts."""
    stop = threading.Event()
    heart = threading.Thread(target=_beat_until, args=(stop,), name="heart", daemon=True)
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join(STOP_WITHIN)


def _beat_until(stop: threading.Event) -> None:
    name = f"{socket.gethostname()}:{os.getpid()}:{new_token()}"
    while not stop.is_set():
        _quietly(lambda: beat(name))
        stop.wait(BEAT.total_seconds())
    _quietly(lambda: Worker.objects.filter(name=name).delete())


def beat(name: str) -> None:
    """Note that this worker is alive now."""
    began = time.time()
    now = database_now()
    seen = {"seen_at": now, "offset": (began + time.time()) / 2 - now.timestamp()}
    if not Worker.objects.filter(name=name).update(**seen):
        Worker.objects.create(name=name, started_at=now, **seen)
        forget(now)


def forget(now: datetime) -> None:
    """Drop the rows of workers that ended without a word."""
    Worker.objects.filter(seen_at__lt=now - FORGET).delete()


def _quietly(job: Callable[[], object]) -> None:
    """Nobody is to stop work because nobody sees it."""
    try:
        job()
    except DatabaseError as error:
        counts.DATABASE_ERRORS.add("heart")
        log.info("A heartbeat was left out: %s", error)
    finally:
        connection.close()
