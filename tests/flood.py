"""Thousands of messages that are due at once, workers that end among them, and an audit of what arrived."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.process import WORKSPACE
from cocoonmail.dispatch import IN_FLIGHT
from cocoonmail.transports.options import CONNECTIONS
from tests import audit
from tests.doomed import Doomed
from tests.house import PATIENCE, Installation, installation
from tests.sink import Sink, sink
from tests.sweep import MARKED

LETTERS_MAX = 150  # Between two ends
MOMENT_MAX = 0.02  # Seconds that an end may come after a letter


@dataclass
class Flood:
    """A queue that is full, and workers one after the other."""

    house: Installation
    far: Sink
    workers: Doomed
    marked: int = 0
    awaited: int = 0
    victim: int = 0
    struck: threading.Event = field(default_factory=threading.Event)

    def storm(self, dice: random.Random, kills: int) -> None:
        """Kill the workers one after the other with kill -9, then let one do what is left."""
        self.house.end_leases()
        for _ in range(kills):
            self.strike(signal.SIGKILL, dice)
            self.marked += self.house.rows(MARKED)[0][0]
            self.house.end_leases()
        self.workers.finish(self.workers.start())

    def strike(self, number: int, dice: random.Random, letters: int = 0) -> tuple[str, float]:
        """Start a worker, end it after some letters; returns its state and the seconds that it took to end.

        Half of the signals are sent before a letter's dot is answered, the worst moment there is; half at any moment.
        """
        worker = self.workers.start()
        self.after(letters or dice.randint(1, LETTERS_MAX), worker if dice.random() < 0.5 else 0, number)
        if not self.victim:
            time.sleep(dice.random() * MOMENT_MAX)
            os.kill(worker, number)
        begin = time.monotonic()
        while (state := self.workers.ask("poll", worker)) == "runs":
            assert time.monotonic() - begin < PATIENCE, f"a worker never ended.\n{self.house.logs()}"
            time.sleep(0.004)
        seconds = time.monotonic() - begin
        if state.startswith("-"):
            self.workers.quiet(worker)
        return state, seconds

    def after(self, letters: int, victim: int, number: int) -> None:
        """Wait for so many more letters. The last one's dot is answered once the victim, if any, has got the signal."""
        self.far.on_letter = None
        self.struck.clear()
        self.victim, self.awaited = victim, len(self.far.taken) + letters

        def arrived() -> None:
            if len(self.far.taken) >= self.awaited and not self.struck.is_set():
                if self.victim:
                    os.kill(self.victim, number)
                self.struck.set()

        self.far.on_letter = arrived
        assert self.struck.wait(PATIENCE), f"{letters} more letters never came.\n{self.house.logs()}"

    def findings(self) -> list[str]:
        """Everything that is not as promised."""
        return list(audit.letters(self.house, self.far.ids(), self.marked))


@contextmanager
def flood(folder: Path, ends: int, **environment: str) -> Iterator[Flood]:
    """A queue that so many workers cannot empty, and the last has enough to do."""
    with sink() as far, installation(folder) as house:
        house.command("apply", "-", said=f"{WORKSPACE}transport: {far.url}\n")
        house.module("tests.inside", "queue", str(ends * (LETTERS_MAX + CONNECTIONS) + IN_FLIGHT))
        yield Flood(house, far, Doomed(house, environment))
