"""Processes that are forked from a prepared one (tests.doom) when a test needs them, workers to end where it says."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.doom import Point
from tests.house import PATIENCE, ROOT, Installation
from tests.spawned import spawn

LOOK_EVERY = 0.004  # Seconds
IDLE_EVERY = 8  # Looks at a worker for one at the database, which costs more
SERVED = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'cocoonmail% {}'"


@dataclass
class Doomed:
    """Processes of one installation, forked when they are needed."""

    house: Installation
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        environment = self.house.django_environ() | self.environment
        (hears, tells), (reads, says) = os.pipe(), os.pipe()
        self.told, self.said = open(tells, "w"), open(reads)  # noqa: SIM115 - open as long as the program is there
        with (self.house.folder / "doom.log").open("ab") as log, open(hears) as stdin, open(says, "w") as stdout:
            program = spawn(["tests.doom"], environment, ROOT, stdin=stdin, stdout=stdout, stderr=log)
        self.house.processes[" ".join(["doom", *self.environment.values()])] = program
        assert self.answer() == "ready"

    def start(self, end: Point | None = None, number: int = signal.SIGKILL, book: Path | str = "") -> int:
        """A worker, which gets this signal at its end; returns its process id."""
        return int(self.ask("work", end, int(number), str(book)))

    def web(self) -> int:
        """A web process on the installation's port; returns its process id, before it listens."""
        return int(self.ask("web", self.house.port))

    def kill(self, process: int) -> None:
        """kill -9, whatever state it is in; returns once it is gone."""
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        while self.ask("poll", process) in ("runs", "stands"):
            time.sleep(LOOK_EVERY)

    def ask(self, *words: object) -> str:
        """One command of the program, and its answer."""
        self.told.write(f"{json.dumps(words)}\n")
        self.told.flush()
        return self.answer()

    def answer(self) -> str:
        """The program's next line."""
        answer = self.said.readline().strip()
        assert answer, f"The program of the doomed ended.\n{self.house.logs()}"
        return answer

    def ended(self, worker: int) -> str:
        """Wait until a worker has ended, or stands still. Once everything has settled it is told to stop."""
        end = time.monotonic() + PATIENCE
        for look in itertools.count():
            if (state := self.ask("poll", worker)) != "runs":
                if state.startswith("-"):
                    self.quiet(worker)
                return state
            assert time.monotonic() < end, f"a worker never ended.\n{self.house.logs()}"
            if look % IDLE_EVERY == IDLE_EVERY - 1 and self.house.idle():
                os.kill(worker, signal.SIGTERM)
            time.sleep(LOOK_EVERY)
        raise AssertionError

    def quiet(self, dead: int) -> None:
        """Wait until nothing is done any more that a killed process had asked for.

        PostgreSQL ends what it is doing, a commit perhaps, before it notices that nobody listens.
        """
        if self.house.database_url:
            self.house.until(lambda: self.house.rows(SERVED.format(dead)) == [(0,)], f"was rid of {dead}'s connections")

    def finish(self, worker: int) -> None:
        """Let a worker do whatever is left to do; it must end well."""
        assert (state := self.ended(worker)) == "0", f"a worker ended with {state}.\n{self.house.logs()}"
