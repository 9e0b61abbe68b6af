"""The supervisor, with real processes: what dies is started again, and nothing is left behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cocoonmail.kit.supervise import Pauses

pytestmark = pytest.mark.one_database

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # Seconds until a test gives up.
LEAP = 1000  # Seconds that pass for a supervisor that gets a SIGUSR1

# Children say who they are and then live until they are told to stop. What a signal may interrupt is written at once.
OBEDIENT = "print(name, os.getpid(), flush=True); signal.pause()"
ORDERLY = """
signal.signal(signal.SIGTERM, lambda *_: (os.write(1, f"{name} tidied up\\n".encode()), sys.exit(0)))
os.write(1, f"{name} {os.getpid()}\\n".encode())
while True: signal.pause()
"""
DEAF = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
import subprocess
grandchild = subprocess.Popen(["sleep", "1000"])
print(name, os.getpid(), grandchild.pid, flush=True)
while True: signal.pause()
"""
BROKEN = "print(name, flush=True); sys.exit(3)"


class Supervisor:
    """A process that supervises `children` (name: program), and everything that it and they print."""

    def __init__(self, children: dict[str, str], options: str = "") -> None:
        program = f"""
            import signal, sys, time
            from types import SimpleNamespace
            from cocoonmail.kit import supervise as supervising
            from cocoonmail.kit.supervise import Pauses, exit_with_parent, supervise
            def leap(*_):
                supervising.time = SimpleNamespace(monotonic=lambda: time.monotonic() + {LEAP})
            signal.signal(signal.SIGUSR1, leap)
            for number in (signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)  # Whoever started the tests may have them ignored.
            code = supervise({ {name: self._command(name, child) for name, child in children.items()} }, {options})
            print("returned", code, flush=True)
            sys.exit(code)
        """
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(program)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            # Unbuffered, Python writes each word of a line by itself, and the lines of two processes mix.
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""},
        )
        self._unread = b""

    def _command(self, name: str, child: str) -> list[str]:
        begin = "import os, signal, sys\nfrom cocoonmail.kit.supervise import exit_with_parent\nexit_with_parent(2)\n"
        return [sys.executable, "-c", f"{begin}name = {name!r}\n{child}"]

    def line(self) -> str | None:
        """The next line that was printed; None when everyone who could print has gone."""
        assert self.process.stdout is not None
        while b"\n" not in self._unread:
            assert select.select([self.process.stdout], [], [], PATIENCE)[0], "nothing was said"
            more = os.read(self.process.stdout.fileno(), 4096)
            if not more:
                return None
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def words(self) -> list[str]:
        return (self.line() or "").split()

    def rest(self) -> list[str]:
        return list(iter(self.line, None))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def supervising(children: dict[str, str], options: str = "") -> Iterator[Supervisor]:
    supervisor = Supervisor(children, options)
    try:
        yield supervisor
    finally:
        if supervisor.process.poll() is None:
            supervisor.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                supervisor.process.wait(PATIENCE)
        supervisor.process.kill()
        supervisor.process.wait()
        assert supervisor.process.stdout is not None
        supervisor.process.stdout.close()


def assert_gone(pid: int) -> None:
    """A process closes its files, which we see, a moment before it is gone."""
    until = time.monotonic() + PATIENCE
    while _is_alive(pid):
        assert time.monotonic() < until
        select.select([], [], [], 0.01)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Whoever inherits orphans here may leave them as zombies.
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Dead and not yet fetched; where the system has no /proc, nobody is."""
    if not Path("/proc/self/stat").exists():
        return False
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return True
    # A process is a zombie, and cannot be fetched, while others of its threads still end.
    return not words or (words[0] == "Z" and words[17] == "1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_lets_every_process_tidy_up_and_returns_0(number: signal.Signals) -> None:
    with supervising({"web": ORDERLY, "worker": ORDERLY}) as supervisor:
        assert {supervisor.words()[0], supervisor.words()[0]} == {"web", "worker"}
        assert supervisor.end(number) == 0
        assert sorted(supervisor.rest()) == ["returned 0", "web tidied up", "worker tidied up"]


def test_a_process_that_dies_is_started_again_and_said_so() -> None:
    with supervising({"web": OBEDIENT}, "pauses=Pauses(first=0.01)") as supervisor:
        _, first = supervisor.words()
        os.kill(int(first), signal.SIGKILL)
        assert supervisor.line() == "web was ended by SIGKILL. Starting it again in 0.01 s."
        _, second = supervisor.words()
        assert first != second
        os.kill(int(second), signal.SIGTERM)
        assert supervisor.line() == "web was ended by SIGTERM. Starting it again in 0.02 s."
        assert supervisor.words()[0] == "web"


def test_a_process_that_cannot_live_does_not_keep_the_others_from_living() -> None:
    with supervising({"web": ORDERLY, "worker": BROKEN}, "pauses=Pauses(first=0.01, longest=0.04)") as supervisor:
        said = [supervisor.line() for _ in range(12)]
        pauses = [str(line).split()[-2] for line in said if str(line).startswith("worker ended with exit code 3.")]
        assert pauses[:4] == ["0.01", "0.02", "0.04", "0.04"]
        assert sum(str(line).startswith("web") for line in said) <= 1
        assert supervisor.end() == 0


def test_a_command_that_is_missing_is_tried_again_in_words() -> None:
    options = "{'web': ['/nowhere/to/be/found']}, pauses=Pauses(first=0.01)"
    program = f"from cocoonmail.kit.supervise import Pauses, supervise; supervise({options})"
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stderr is not None
    try:
        assert process.stderr.readline().startswith("web could not be started ([Errno 2] No such file")
        assert process.stderr.readline().endswith("Starting it again in 0.02 s.\n")
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_stop_does_not_wait_for_a_pause_to_end() -> None:
    with supervising({"web": BROKEN}, "pauses=Pauses(first=1000)") as supervisor:
        assert supervisor.line() == "web"
        assert supervisor.line() == "web ended with exit code 3. Starting it again in 1000 s."
        assert supervisor.end() == 0


def test_a_process_that_does_not_stop_is_killed_with_all_that_it_started() -> None:
    with supervising({"web": ORDERLY, "worker": DEAF}, f"stop_seconds={LEAP}") as supervisor:
        started = {words[0]: words[1:] for words in (supervisor.words(), supervisor.words())}
        supervisor.process.terminate()
        assert supervisor.line() == "web tidied up"
        assert_gone(int(started["web"][0]))
        assert supervisor.end(signal.SIGUSR1) == 1
        assert supervisor.rest() == [f"worker did not stop within {LEAP} s and is killed.", "returned 1"]
        for pid in started["worker"]:
            assert_gone(int(pid))


@pytest.mark.parametrize(("child", "last_words"), [(ORDERLY, ["web tidied up", "worker tidied up"]), (OBEDIENT, [])])
def test_no_process_outlives_a_supervisor_that_is_killed(child: str, last_words: list[str]) -> None:
    with supervising({"web": child, "worker": child}) as supervisor:
        pids = [int(supervisor.words()[1]) for _ in range(2)]
        supervisor.process.kill()
        assert sorted(supervisor.rest()) == last_words
        for pid in pids:
            assert_gone(pid)


def test_a_process_that_ignores_the_end_of_its_supervisor_is_killed() -> None:
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print(name, flush=True)\nwhile True: signal.pause()"
    with supervising({"web": deaf}) as supervisor:
        assert supervisor.line() == "web"
        supervisor.process.kill()
        assert supervisor.rest() == []


def test_without_a_supervisor_there_is_nothing_to_exit_with() -> None:
    program = "from cocoonmail.kit.supervise import exit_with_parent; exit_with_parent(0); print('lives')"
    said = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT, timeout=PATIENCE)
    assert said == "lives\n"


def test_pauses_double_up_to_a_limit_and_start_anew_after_a_calm_time() -> None:
    pauses, taken, pause = Pauses(), [], None
    for lived in [0.1, 0.1, 5, 59, 1, 1, 1, 1, 60, 0]:
        pause = pauses.after(pause, lived)
        taken.append(pause)
    assert taken == [0.5, 1, 2, 4, 8, 16, 30, 30, 0.5, 1]
