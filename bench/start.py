"""`bin/up` on an installation that is there already: until the first page answers, and the memory of its processes."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.process import WORKSPACE
from bench.result import CheckFailed, Result, percentile
from bench.stage import ROOT, Stage, free_port, stage

PAGE = "/account/login/"
WITHIN = 3000  # Milliseconds
MEMORY = 250  # MB of web and worker together
IDLE_SECONDS = 5  # After which memory is looked at
PATIENCE = 60.0  # Seconds after which nothing will answer any more


def options(parser: argparse.ArgumentParser) -> None:
    """What the command line can say."""
    parser.add_argument("--rounds", type=int, default=5, help="starts of each, in turn")


def run(given: argparse.Namespace) -> list[Result]:
    """Starts, and between them the limit: a Python that imports Django and ends. The rates are starts a second."""
    ours, limits, memory = [], [], []
    with stage(given.postgres) as here:
        file = here.data / "workspace.yaml"
        file.write_text(WORKSPACE)
        here.command("apply", str(file))
        for _ in range(given.rounds):
            limits.append(timed_import())
            with up(here) as (pid, seconds):
                ours.append(seconds)
                time.sleep(IDLE_SECONDS)
                memory.append(sum(resident(child) for child in children(pid)))
    times = [seconds * 1000 for seconds in ours]
    return [
        Result(
            name="start",
            database=here.database,
            rows_checked=len(ours),
            processes=2,
            rate=1 / median(ours),
            limit=1 / median(limits),
            p50=percentile(times, 0.5),
            p95=percentile(times, 0.95),
            within=WITHIN,
            peak_memory=median(memory),
            memory_goal=MEMORY,
        )
    ]


def timed_import() -> float:
    """The seconds of `python -c "import django"`."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import django"], check=True)
    return time.perf_counter() - begin


@contextlib.contextmanager
def up(here: Stage) -> Iterator[tuple[int, float]]:
    """`bin/up`, running: its process id and the seconds until a page was answered 200."""
    port = free_port()
    command = [str(ROOT / "bin" / "up"), "--data", str(here.data), "--port", str(port)]
    with (here.data / "up.log").open("wb") as log:
        begin = time.perf_counter()
        child = subprocess.Popen(command, env=here.environment, stdout=log, stderr=log)
    try:
        while not answers(port):
            if time.perf_counter() - begin > PATIENCE or child.poll() is not None:
                raise CheckFailed(f"{PAGE} was not answered 200: {(here.data / 'up.log').read_text()}")
            time.sleep(0.01)
        yield child.pid, time.perf_counter() - begin
    finally:
        child.terminate()
        child.wait(PATIENCE)


def answers(port: int) -> bool:
    """Whether the page is there."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        asked.request("GET", PAGE)
        return asked.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def children(pid: int) -> list[int]:
    """The processes that this one started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident(pid: int) -> float:
    """The memory that a process has in use, in MB: its own, and its share of what it shares."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise CheckFailed(f"The system does not tell the memory of process {pid}.")
