"""Measures what templates cost, each in a child process of its own: `python -m tests.emails.burn`, cases on stdin.

Reads a JSON list of [what, name, source]; `what` is a key of `_JOBS`. Writes a JSON object a line: the name, seconds on
the processor, megabytes of memory at their peak, and what came. Where the processor is slower just then than the one
that the limits were set on, its neighbours being busy, the seconds are those that it would have taken.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from cocoonmail.emails import budget, liquid
from cocoonmail.emails.compose import Compiled, Kind, check
from cocoonmail.emails.render import Held, render
from tests.emails.hostile import FACTS
from tests.emails.letters import MARKDOWN

SECONDS_MAX = 16  # of CPU, after which the kernel ends a child
LONG = 0.1  # seconds: only then it matters how fast the processor is
YARDSTICK = 0.003  # seconds that _yardstick takes where the limits were set
MEMORY_MAX = 700 << 20  # bytes of address space on top of what the parent has


def main() -> None:
    """Measure every case."""
    gc.collect()
    gc.freeze()
    for what, name, source in json.load(sys.stdin):
        print(json.dumps({"name": name, **measured(partial(_JOBS[what], source))}), flush=True)


def measured(job: Callable[[], str]) -> dict[str, Any]:
    """What the job costs in a fork of this process."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _confine()
        _report(writing, job)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return json.loads(said) if said else {"seconds": float(SECONDS_MAX), "megabytes": 0.0, "came": f"killed {status}"}


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_MAX, SECONDS_MAX))
    with open("/proc/self/statm") as statm:
        now = int(statm.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_MAX, now + MEMORY_MAX))


def _report(writing: int, job: Callable[[], str]) -> None:
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    try:
        came = job()
    except BaseException as error:  # What the promise forbids is reported like any other outcome.
        came = f"raised {type(error).__name__}: {error}"
    seconds, after = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if seconds > LONG:
        seconds /= _slowness()
    said = {"seconds": seconds, "megabytes": (after - before) / 1024, "came": came[:200]}
    os.write(writing, json.dumps(said).encode())
    os._exit(0)


def _slowness() -> float:
    """How many times longer everything takes now, on the average of some tries; 1 at least."""
    began = time.process_time()
    for _ in range(8):
        _yardstick()
    return max(1.0, (time.process_time() - began) / 8 / YARDSTICK)


def _yardstick() -> None:
    seen: dict[str, int] = {}
    for number in range(20_000):
        word = f"{number % 100}"
        seen[word] = seen.get(word, 0) + len(word.upper())


def _fill(source: str) -> str:
    # Long enough for a body, which may cost more than a line.
    result = liquid.fill(source.ljust(budget.LINE_MAX + 1), FACTS, html=True)
    return f"filled {len(result)}" if isinstance(result, str) else f"unfilled: {result.reason}"


def _by_steps(source: str) -> str:
    """Filled as if no clock were looked at, which shows whether the steps alone are counted well enough."""
    budget.TIME_MAX = budget.LINE_TIME_MAX = float(SECONDS_MAX)
    return _fill(source)


def _read(source: str) -> str:
    result = liquid.parse(source, False)
    return f"fault: {result.message}" if isinstance(result, liquid.Fault) else "parsed"


def _check(source: str) -> str:
    found = check(replace(MARKDOWN, body=source[:290_000]))
    return "; ".join(problem.message for problem in found)


def _message(sources: tuple[str, str]) -> str:
    line, body = sources
    text = f"{body} {{{{ unsubscribe_url }}}}"
    email = Compiled(line, body, text, text, line, "a@b.test" + line[:-1], "a@b.test" + line[:-1], Kind.MARKETING)
    result = render(email, FACTS)
    return f"held: {result.reason}" if isinstance(result, Held) else "rendered"


_JOBS: dict[str, Callable[[Any], str]] = {
    "fill": _fill,
    "steps": _by_steps,
    "read": _read,
    "check": _check,
    "message": _message,
}


if __name__ == "__main__":
    main()
