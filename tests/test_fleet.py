"""Many workers at one database: each does its part, none a row twice, and what a dead one held is done by others."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from cocoonmail.dispatch import IN_FLIGHT
from cocoonmail.kit.claims import LEASE
from cocoonmail.platforms.stripe.samples import sample
from tests import audit, ground
from tests.house import Installation, installation
from tests.shop import PAID, ROWS
from tests.sink import sink

WORKERS = 3
WEBHOOKS = 300
DONE = "SELECT count(*) FROM intake_delivery WHERE state = 'done'"

pytestmark = pytest.mark.processes


def paid(house: Installation, first: int, last: int) -> None:
    for number in range(first, last):
        email = f"ada{number}@example.com"
        event = sample("invoice.paid", email=email, name="Ada", now=int(time.time()), token=f"fleet{number}")
        assert house.deliver(event).status == 200


def test_a_worker_for_some_stages_leaves_the_others_to_others(tmp_path: Path) -> None:
    with sink() as far, installation(tmp_path, f"{PAID}transport: {far.url}\n") as house:
        house.web()
        house.start("work", "--stage", "process", "--stage", "advance", "--concurrency", "2")
        paid(house, 0, 20)
        house.until(lambda: house.counted("emails_message", "status")["queued"] == 20, "made the messages")
        time.sleep(0.5)
        assert not far.taken
        assert house.stop("work") == 0
        house.start("work", "--stage", "send")
        house.until(lambda: len(far.taken) == 20, "sent them")
        paid(house, 20, 21)
        time.sleep(0.5)
        assert house.rows(DONE) == [(20,)]


@pytest.mark.skipif(not ground.POSTGRES, reason="SQLite is for one worker")
def test_of_many_workers_none_does_a_row_twice_and_what_a_dead_one_held_is_done_within_its_lease(
    tmp_path: Path,
) -> None:
    with sink() as far, installation(tmp_path, f"{PAID}transport: {far.url}\n") as house:
        house.web()
        paid(house, 0, WEBHOOKS)
        for number in range(WORKERS):
            house.start("work", called=f"worker {number}")
        house.until(lambda: house.rows(DONE)[0][0] > 0, "processed anything")
        victim = house.processes.pop("worker 0")
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        killed = time.monotonic()
        house.until(house.idle, "came to its end without the dead one", 2 * LEASE.total_seconds() + 30)
        # What it had marked is found by a look that comes up to two seconds after the lease's end.
        assert time.monotonic() - killed < 2 * LEASE.total_seconds()
        assert house.rows(ROWS) == [(WEBHOOKS,) * 4]
        assert list(audit.letters(house, far.ids(), IN_FLIGHT)) == []
