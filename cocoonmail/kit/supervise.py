"""Keep a few processes running: start them, start again the one that dies, stop them all together."""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

STOP_SECONDS = 25.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Names, for a child, the pipe that ends when its supervisor does.
LIFELINE = "COCOONMAIL_LIFELINE"


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds before a dead process is started again: twice as long each time, as at first once it lived `calm`."""

    first: float = 0.5
    longest: float = 30.0
    calm: float = 60.0

    def after(self, previous: float | None, lived: float) -> float:
        """The pause after a life of `lived` seconds that itself followed a pause of `previous` (None: the first)."""
        if previous is None or lived >= self.calm:
            return self.first
        return min(previous * 2, self.longest)


def say_on_stderr(words: str) -> None:
    """One line for the person who watches."""
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def supervise(
    commands: Mapping[str, Sequence[str]],
    *,
    stop_seconds: float = STOP_SECONDS,
    pauses: Pauses | None = None,
    env: Mapping[str, str] | None = None,
    say: Callable[[str], None] = say_on_stderr,
) -> int:
    """Run the commands, by name, until SIGTERM, SIGINT or SIGHUP; the exit code: 0, or 1 if one had to be killed.

    One that ends, however, is started again after a pause. To stop, each gets SIGTERM and, after `stop_seconds`,
    SIGKILL together with what it started. `env` replaces the environment. Belongs on the main thread; says what
    happens through `say`. A child that calls `exit_with_parent()` stops as well when this process is killed.
    """
    lifeline, ours = os.pipe()
    try:
        with _wake_ups() as wake_ups:
            children = [
                _Child(name, command, lifeline, env, pauses or Pauses(), say) for name, command in commands.items()
            ]
            while not wake_ups.asked_to_stop:
                now = time.monotonic()
                wake_ups.wait(min(child.look_after(now) for child in children))
            return _stop(children, wake_ups, stop_seconds, say)
    finally:
        os.close(lifeline)
        os.close(ours)


def exit_with_parent(stop_seconds: float = STOP_SECONDS) -> None:
    """Send this process SIGTERM when its supervisor is gone, and SIGKILL `stop_seconds` later.

    Does nothing in a process that `supervise` did not start. A pipe of which the supervisor holds the other end tells;
    unlike PR_SET_PDEATHSIG that works on macOS too, and for a supervisor that died before this was called.
    """
    lifeline = os.environ.pop(LIFELINE, None)
    if lifeline is not None:
        os.set_inheritable(int(lifeline), False)
        threading.Thread(
            target=_exit_when_it_ends, args=(int(lifeline), stop_seconds), name="lifeline", daemon=True
        ).start()


def _exit_when_it_ends(lifeline: int, stop_seconds: float) -> None:
    os.read(lifeline, 1)
    main = threading.main_thread().ident
    assert main is not None
    # To the main thread, for only there Python handles it, and a wait elsewhere would not be interrupted.
    signal.pthread_kill(main, signal.SIGTERM)
    time.sleep(stop_seconds)
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class _Child:
    name: str
    command: Sequence[str]
    lifeline: int
    env: Mapping[str, str] | None
    pauses: Pauses
    say: Callable[[str], None]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    pause: float | None = None

    def look_after(self, now: float) -> float:
        """Start it if it is due, note it if it died; the seconds until it is due again."""
        if self.process is None and now >= self.due:
            self._start(now)
        elif self.process is not None and self.process.poll() is not None:
            self._plan(now, _ending(self.process.returncode))
        return math.inf if self.process is not None else max(0.0, self.due - now)

    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _start(self, now: float) -> None:
        self.started = now
        environment = os.environ if self.env is None else self.env
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the caller's own commands
                self.command,
                env={**environment, LIFELINE: str(self.lifeline)},
                pass_fds=[self.lifeline],
                stdin=subprocess.DEVNULL,
                # A group of its own: a Ctrl-C at the terminal is for the supervisor alone.
                process_group=0,
            )
        except OSError as error:
            self._plan(now, f"could not be started ({error})")

    def _plan(self, now: float, ending: str) -> None:
        self.process = None
        self.pause = self.pauses.after(self.pause, now - self.started)
        self.due = now + self.pause
        self.say(f"{self.name} {ending}. Starting it again in {self.pause:g} s.")


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was ended by {signal.Signals(-code).name}"


def _stop(children: list[_Child], wake_ups: _WakeUps, stop_seconds: float, say: Callable[[str], None]) -> int:
    for child in children:
        if child.process is not None:
            child.process.terminate()
    until = time.monotonic() + stop_seconds
    while any(child.runs() for child in children) and (left := until - time.monotonic()) > 0:
        wake_ups.wait(left)
    late = [child for child in children if child.runs()]
    for child in late:
        say(f"{child.name} did not stop within {stop_seconds:g} s and is killed.")
        _kill(child)
    return 1 if late else 0


def _kill(child: _Child) -> None:
    assert child.process is not None
    with suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)
    child.process.wait()


@dataclass
class _WakeUps:
    """What ends a wait early: a signal to stop, or a child that died."""

    pipe: int
    asked_to_stop: bool = False

    def wait(self, seconds: float) -> None:
        if select.select([self.pipe], [], [], None if seconds == math.inf else seconds)[0]:
            os.read(self.pipe, 4096)

    def ask_to_stop(self, *_: object) -> None:
        self.asked_to_stop = True


@contextmanager
def _wake_ups() -> Iterator[_WakeUps]:
    read, write = os.pipe()
    os.set_blocking(write, False)
    wake_ups = _WakeUps(read)
    handlers = {signal.SIGCHLD: lambda *_: None, **dict.fromkeys(STOP_SIGNALS, wake_ups.ask_to_stop)}
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        del handlers[signal.SIGHUP]  # Started by nohup.
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    wakeup_before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    try:
        yield wake_ups
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(read)
        os.close(write)
