"""Processes that are forked from a prepared one (tests.spawn), which takes a tenth of a second instead of half of one.

Each imports all of our code itself, with its own settings; only what others wrote is there already.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Protocol

ROOT = Path(__file__).resolve().parents[1]
# Where the environment says how Python or the system's linker begin, only a real beginning will do.
REAL = ("LD_", "DYLD_", "PYTHON")


class Process(Protocol):
    """As much of subprocess.Popen as tests need."""

    pid: int
    returncode: int | Any

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


@dataclass
class Spawned:
    """A forked process, with the methods of subprocess.Popen. `told` tells its end."""

    pid: int
    told: IO[bytes]
    returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended, None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """How it ended, once it has."""
        ended = self._ended(timeout)
        if ended is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return ended

    def _ended(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self.told], [], [], timeout)[0]:
            self.returncode = int(self.told.readline())
            self.told.close()
        return self.returncode

    def send_signal(self, sig: int, /) -> None:
        """Nothing happens where it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


def spawn(
    words: list[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    stdin: IO[Any] | int = subprocess.DEVNULL,
    stdout: IO[Any] | int = subprocess.DEVNULL,
    stderr: IO[Any] | int | None = None,
    fresh: bool = False,
) -> Process:
    """`python -m WORDS` with this environment in this folder, as leader of a session of its own.

    With `fresh` a Python is really started, as an operator would.
    """
    if fresh or any(name.startswith(REAL) and name != "PYTHONPATH" for name in environment):
        command = [sys.executable, "-m", *words]
        return subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    read, write = os.pipe()
    with TemporaryFile("w+") as request, open(os.devnull, "r+b") as nothing, open(write, "wb") as told:
        json.dump([words, dict(environment), str(folder)], request)
        request.seek(0)
        files = [nothing if file == subprocess.DEVNULL else file for file in (stdin, stdout, stderr)]
        numbers = [2 if file is None else file if isinstance(file, int) else file.fileno() for file in files]
        socket.send_fds(prepared(), [b"."], [request.fileno(), *numbers, told.fileno()])
    # Unbuffered, for what was read ahead would not be seen by select.
    ended = open(read, "rb", buffering=0)  # noqa: SIM115 - closed by whoever reads its end
    pid = ended.readline()
    assert pid, "the process that forks is gone"
    return Spawned(int(pid), ended)


def run(
    words: list[str], environment: Mapping[str, str], folder: Path, said: str = "", patience: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, with `said` on its standard input; returns the exit code and what it printed."""
    with TemporaryFile("w+") as stdin, TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
        stdin.write(said)
        stdin.seek(0)
        process = spawn(words, environment, folder, stdin=stdin, stdout=stdout, stderr=stderr)
        try:
            code = process.wait(patience)
        finally:
            process.kill()
        for printed in (stdout, stderr):
            printed.seek(0)
        return subprocess.CompletedProcess(words, code, stdout.read(), stderr.read())


@functools.cache
def prepared() -> socket.socket:
    """The way to the process that forks, which ends with ours."""
    ours, theirs = socket.socketpair()
    with theirs:
        program = subprocess.Popen(
            [sys.executable, "-m", "tests.spawn", str(theirs.fileno())],
            env={name: value for name, value in os.environ.items() if not name.startswith(("COCOONMAIL_", "PYTHON"))}
            | {"PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )

    def end() -> None:
        ours.close()
        program.wait()

    atexit.register(end)
    return ours
