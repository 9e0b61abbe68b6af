"""The inside of `bench workers`: fills a queue, has it worked off by some processes, checks it, prints its figures.

Where there is enough for all, each must have had its part in it: what one does alone says nothing about many.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

import django

django.setup()

from bench import processing  # noqa: E402 - needs the settings
from bench.result import CheckFailed  # noqa: E402
from cocoonmail.emails.models import Message, Status  # noqa: E402
from cocoonmail.intake.models import Endpoint  # noqa: E402
from cocoonmail.worker import BATCH_MAX  # noqa: E402

ENOUGH = 4 * BATCH_MAX  # Webhooks for each worker: with fewer, others may have taken all before the last one looks


def main(workers: int, webhooks: int) -> None:
    """All begin in one moment, once each is ready; the last one's end counts."""
    processing.fill(Endpoint.objects.get(), workers, webhooks)
    before = processing.made()
    command = [sys.executable, "-m", "bench.crew"]
    crew = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(workers)]
    for one in crew:
        assert one.stdout
        one.stdout.readline()
    begin = time.perf_counter()
    for one in crew:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.close()
    taken = [int(one.stdout.read()) for one in crew if one.stdout]
    rate = webhooks / (time.perf_counter() - begin)
    processing.check_made(before, webhooks)
    if webhooks >= ENOUGH * workers and min(taken) < sum(taken) / workers / 4:
        raise CheckFailed(f"the {workers} workers took {taken} rows: they did not share the work")
    Message.objects.filter(status=Status.QUEUED).update(status=Status.HELD, due_at=None)
    print(json.dumps({"rate": rate}))


def work() -> None:
    """One of them."""
    print("ready", flush=True)
    sys.stdin.readline()
    print(processing.process(0))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:])) if sys.argv[1:] else work()
