"""Workers that are forked from one prepared process (tests.doom) when a test needs them, to end where it says."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.doom import Point
from tests.house import PATIENCE, ROOT, Installation

LOOK_EVERY = 0.004  # Seconds
IDLE_EVERY = 8  # Looks at a worker for one at the database, which costs more


@dataclass
class Doomed:
    """Workers of one installation, forked when they are needed."""

    house: Installation
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        environment = self.house.django_environ() | self.environment
        with (self.house.folder / "doom.log").open("ab") as log:
            self.program = subprocess.Popen(
                [sys.executable, "-m", "tests.doom"],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self.house.processes[" ".join(["doom", *self.environment.values()])] = self.program  # type: ignore[assignment]
        assert self.answer() == "ready"

    def start(self, end: Point | None = None, number: int = signal.SIGKILL, book: Path | str = "") -> int:
        """A worker, which gets this signal at its end; returns its process id."""
        return int(self.ask("start", end, int(number), str(book)))

    def ask(self, *words: object) -> str:
        """One command of the program, and its answer."""
        assert self.program.stdin
        self.program.stdin.write(f"{json.dumps(words)}\n")
        self.program.stdin.flush()
        return self.answer()

    def answer(self) -> str:
        """The program's next line."""
        assert self.program.stdout
        answer = self.program.stdout.readline().strip()
        assert answer, f"The program of the doomed ended.\n{self.house.logs()}"
        return answer

    def ended(self, worker: int) -> str:
        """Wait until a worker has ended, or stands still. Once everything has settled it is told to stop."""
        end = time.monotonic() + PATIENCE
        for look in itertools.count():
            if (state := self.ask("poll", worker)) != "runs":
                return state
            assert time.monotonic() < end, f"a worker never ended.\n{self.house.logs()}"
            if look % IDLE_EVERY == IDLE_EVERY - 1 and self.house.idle():
                os.kill(worker, signal.SIGTERM)
            time.sleep(LOOK_EVERY)
        raise AssertionError

    def finish(self, worker: int) -> None:
        """Let a worker do whatever is left to do; it must end well."""
        assert (state := self.ended(worker)) == "0", f"a worker ended with {state}.\n{self.house.logs()}"
