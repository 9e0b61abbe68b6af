"""Promise S11 with real processes: a restored or copied installation sends nothing twice by itself."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.house import Installation, installation
from tests.shop import FILE, event
from tests.sink import Sink, sink
from tests.sweep import keep, restore

pytestmark = pytest.mark.processes

QUEUED = "SELECT count(*) FROM emails_message WHERE status = 'queued'"
REASON = "SELECT pause_reason FROM accounts_installation"
A_WHILE = 1.5  # Seconds in which a worker that may send has sent long ago
MANY = 3  # Messages that wait in the snapshot


def advance(house: Installation, number: int) -> None:
    """So many messages more wait to be sent."""
    for _ in range(number):
        assert house.deliver(event("customer.created", f"{os.urandom(4).hex()}@example.com")).status == 200
    house.module("tests.inside", "advance")


@contextmanager
def snapshot(folder: Path) -> Iterator[tuple[Installation, Sink]]:
    """An installation that has sent, kept as it was with messages waiting, and that has sent those too since."""
    with sink() as far, installation(folder, FILE % far.url) as house:
        house.web()
        advance(house, 1)
        send(house)
        advance(house, MANY)
        assert house.stop("web") == 0
        keep(house)
        send(house)
        assert len(far.taken) == 1 + MANY
        yield house, far


def send(house: Installation) -> None:
    """A worker sends whatever waits."""
    house.work()
    house.settled()
    assert house.stop("work") == 0


def sends_nothing(house: Installation, far: Sink) -> str:
    """A worker runs for a while, and a second one after it; returns why nothing was sent."""
    before, waits = len(far.taken), house.rows(QUEUED)
    for _ in range(2):
        before_it = (house.data / "epoch").stat().st_mtime_ns
        house.work()
        house.until(partial(looked, house, before_it), "looked")
        time.sleep(A_WHILE)
        assert house.stop("work") == 0
    assert (len(far.taken), house.rows(QUEUED)) == (before, waits)
    return str(house.rows(REASON)[0][0])


def looked(house: Installation, since: int) -> bool:
    """Whether a worker has looked at the database, and noted that in its folder."""
    return (house.data / "epoch").stat().st_mtime_ns > since


def test_a_snapshot_that_is_put_back_over_its_installation_sends_nothing_twice(tmp_path: Path) -> None:
    with snapshot(tmp_path) as (house, far):
        restore(house)
        why = sends_nothing(house, far)
        assert ("older than the mail" in why) or (house.database_url and "another identity" in why)
        said = house.command("cancel-sending")
        assert f"{MANY} of “Welcome”" in said
        house.command("resume-sending")
        house.web()
        advance(house, 2)
        send(house)
        assert len(far.taken) == 1 + MANY + 2, "new messages are sent"
        assert max(Counter(far.ids()).values()) == 1
        assert house.counted("emails_message", "status") == {"sent": 3, "skipped": MANY}


@pytest.mark.one_database
def test_a_copy_of_the_data_folder_sends_nothing_until_somebody_says_so(tmp_path: Path) -> None:
    with sink() as far, installation(tmp_path / "one", FILE % far.url) as house:
        house.web()
        advance(house, 1)
        send(house)
        advance(house, MANY)
        assert house.stop("web") == 0
        copy = Installation(tmp_path / "two")
        shutil.copytree(house.folder, copy.folder)
        send(house)
        assert "copied" in sends_nothing(copy, far)
        assert len(set(far.ids())) == len(far.taken) == 1 + MANY
        assert "Sending starts." in copy.command("resume-sending")


def test_restarts_and_another_name_of_the_folder_are_no_copy(tmp_path: Path) -> None:
    with sink() as far, installation(tmp_path, FILE % far.url) as house:
        for number in range(1, 3):
            house.web()
            advance(house, 1)
            assert house.stop("web") == 0
            send(house)
            assert len(far.taken) == number
        house.data.rename(house.folder / "elsewhere")
        (house.folder / "elsewhere").rename(house.data)
        house.web()
        advance(house, 1)
        send(house)
        assert len(far.taken) == 3
