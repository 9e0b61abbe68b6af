"""Promises S2, S1 and W11 at full rate: workers end while thousands of messages leave; none is lost or sent twice.

COCOONMAIL_TEST_ENDS is how many workers end (100 for a night), COCOONMAIL_TEST_LEASE how many seconds a lease takes
where one is waited for (30 in the product), COCOONMAIL_TEST_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from cocoonmail.dispatch import IN_FLIGHT, STOP_WITHIN
from cocoonmail.transports.options import CONNECTIONS
from tests.flood import Flood, flood
from tests.house import link_in
from tests.sweep import MARKED
from tests.visitor import OWNER, Visitor

pytestmark = pytest.mark.processes

ENDS = int(os.environ.get("COCOONMAIL_TEST_ENDS", "6"))
LEASE = float(os.environ.get("COCOONMAIL_TEST_LEASE", "4"))
SEED = int(os.environ.get("COCOONMAIL_TEST_SEED", random.randrange(1_000_000)))
SLOW = 1.0  # Seconds for a letter; what a worker has claimed then takes a minute on all its connections

assert SLOW * IN_FLIGHT / CONNECTIONS > STOP_WITHIN * 2


def test_kill_9_at_full_rate_loses_and_doubles_no_message(tmp_path: Path) -> None:
    with flood(tmp_path, ENDS) as storm:
        storm.storm(random.Random(SEED), ENDS)
        assert storm.findings() == [], f"seed {SEED}"
        told(storm, f"{ENDS} kills")
        assert storm.marked, "no kill ever met a message whose fate is unknown: that was no storm"
        unknown = storm.house.counted("emails_message", "status")["unknown"]
        assert unknown == storm.marked, "exactly what was marked when its worker died is unknown"


def test_a_worker_that_is_told_to_stop_lets_arrive_what_is_on_its_way(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with flood(tmp_path, ENDS // 2) as calm:
        calm.house.end_leases()
        ends = [calm.strike(signal.SIGTERM, dice) for _ in range(ENDS // 2)]
        assert {state for state, _ in ends} == {"0"}, f"seed {SEED}"
        assert max(seconds for _, seconds in ends) < STOP_WITHIN + 5
        assert calm.house.rows(HELD_BY_A_WORKER) == [(0,)], "a worker that has stopped still holds messages"
        calm.workers.finish(calm.workers.start())
        assert calm.findings() == [], f"seed {SEED}"
        told(calm, f"{len(ends)} graceful stops")
        assert set(calm.house.counted("emails_message", "status")) == {"sent"}


def test_a_worker_that_is_told_to_stop_does_not_wait_for_a_slow_server_to_take_the_queue(tmp_path: Path) -> None:
    with flood(tmp_path, 1) as calm:
        calm.house.end_leases()
        calm.far.pause = SLOW
        state, seconds = calm.strike(signal.SIGTERM, random.Random(SEED), letters=CONNECTIONS)
        assert (state, seconds < STOP_WITHIN) == ("0", True)
        assert calm.house.rows(HELD_BY_A_WORKER) == [(0,)]


def test_what_a_killed_worker_leaves_unknown_is_on_the_messages_page_within_two_leases(tmp_path: Path) -> None:
    with flood(tmp_path, 1, LEASE=str(LEASE)) as storm:
        house, reader = storm.house, Visitor(storm.house.url)
        web = storm.workers.web()
        house.until(house.answers, "answered")
        reader.fill_in(link_in(house.command("owner-link"), "/welcome/"), OWNER)
        house.end_leases()
        storm.strike(signal.SIGKILL, random.Random(SEED))
        marked, came = house.rows(MARKED)[0][0], len(storm.far.taken)
        worker = storm.workers.start()
        house.until(lambda: len(storm.far.taken) > came, "went on with other messages")
        working = time.monotonic()
        house.until(lambda: house.rows(UNKNOWN) == [(marked,)], f"had {marked} unknown messages")
        assert time.monotonic() - working < 2 * LEASE
        house.until(lambda: shown_as_unknown(reader) == marked, f"showed {marked} unknown messages")
        storm.workers.finish(worker)
        storm.workers.kill(web)
        storm.marked = marked
        assert storm.findings() == [], f"seed {SEED}"


def test_a_worker_that_is_told_to_stop_many_times_stops(tmp_path: Path) -> None:
    with flood(tmp_path, 1) as calm:
        for _ in range(3):
            worker, state, begin = calm.workers.start(), "runs", time.monotonic()
            while state == "runs" and time.monotonic() - begin < STOP_WITHIN:
                for _ in range(20):
                    os.kill(worker, signal.SIGTERM)
                state = calm.workers.ask("poll", worker)
            assert state == "0"


HELD_BY_A_WORKER = (
    "SELECT count(*) FROM emails_message WHERE status = 'sending' OR (attempts > 0 AND status = 'queued')"
)
UNKNOWN = "SELECT count(*) FROM emails_message WHERE status = 'unknown'"


def shown_as_unknown(reader: Visitor) -> int:
    """How many messages the page lists from which a person can choose."""
    return reader.get("/messages?status=unknown").html.count('name="pk"')


def told(storm: Flood, what: str) -> None:
    """For the reports of long runs (pytest -s)."""
    number = storm.house.counted("emails_message", "status")
    print(f"{what}, seed {SEED}: {dict(number)}; {len(storm.far.taken)} letters arrived")
