"""Do first in a child process what may take a process down: there it takes down nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Never, TypeAlias

SECONDS_MAX = 5.0  # That a job may take

Job: TypeAlias = Callable[[], object]


def casualties(jobs: Sequence[Job], seconds: float = SECONDS_MAX) -> dict[int, str]:
    """Do each job in a child, in order. Returns those that took it down, by their index, with what ended it in words.

    The child is a fork of this thread, made within milliseconds, that never comes back. So a job must only compute: it
    may use no connection and no lock that other threads hold. An exception takes nothing down; it is ignored here.
    """
    found: dict[int, str] = {}
    begin = 0
    while begin < len(jobs):
        done, status = _in_a_child(jobs[begin:], seconds)
        if how := _words(status):
            found[begin + done] = how
            done += 1
        begin += max(done, 1)
    return {at: how for at, how in found.items() if at < len(jobs)}


def _in_a_child(jobs: Sequence[Job], seconds: float) -> tuple[int, int]:
    """How many jobs it came through, and how it ended (os.waitstatus_to_exitcode)."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _do(jobs, writer, seconds)
    os.close(writer)
    with open(reader, "rb") as told:
        done = len(told.read())
    _, status = os.waitpid(child, 0)
    return done, os.waitstatus_to_exitcode(status)


def _do(jobs: Sequence[Job], writer: int, seconds: float) -> Never:
    """The child: a byte after each job. On an event loop, where nothing of ours, nor Django, asks the database."""

    async def do() -> None:
        for job in jobs:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                job()
            finally:
                # Anew, for what ends the child from now on is no fault of the next.
                signal.setitimer(signal.ITIMER_REAL, seconds)
                os.write(writer, b".")

    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        with suppress(OSError):
            # Where memory ends, the kernel is to take this process and not its parent (proc_pid_oom_score_adj(5)).
            with open("/proc/self/oom_score_adj", "w") as score:
                score.write("1000")
        asyncio.run(do())
    finally:
        os._exit(0)


def _words(status: int) -> str:
    """What ended a child; "" when it ended by itself."""
    match -status:
        case signal.SIGALRM:
            return "it took too long"
        case number if number > 0:
            return signal.Signals(number).name
        case _:
            return ""
