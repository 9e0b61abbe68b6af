"""Behind PgBouncer in transaction mode, where no connection keeps what it was told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cocoonmail.dispatch import IN_FLIGHT
from cocoonmail.platforms.stripe.samples import sample
from tests import audit, ground
from tests.house import Installation, installation, link_in
from tests.pooler import LIMITS, needs_pgbouncer, pooler, role, url
from tests.shop import PAID, ROWS
from tests.sink import Sink, sink
from tests.visitor import OWNER, Visitor

pytestmark = [pytest.mark.processes, needs_pgbouncer]

WEBHOOKS = 150
LAST = "SELECT max(id) FROM django_migrations"
READERS = 3  # Of pages, all the time


@pytest.fixture
def far() -> Iterator[Sink]:
    with sink() as far:
        yield far


@pytest.fixture
def house(tmp_path: Path, far: Sink) -> Iterator[Installation]:
    """A shop whose processes all go through the pooler."""
    with behind(tmp_path, far, role("pooled", cocoonmail__workspace="*", **LIMITS)) as house:
        yield house


@contextmanager
def behind(folder: Path, far: Sink, role: str) -> Iterator[Installation]:
    with pooler(folder / "pooler", role) as port, installation(folder, f"{PAID}transport: {far.url}\n") as house:
        house.environment |= {"COCOONMAIL_DATABASE_POOLER": "1", "DATABASE_URL": url(port, house.database)}
        yield house


def paid(number: int) -> dict[str, Any]:
    email = f"ada{number}@example.com"
    return sample("invoice.paid", email=email, name="Ada", now=int(time.time()), token=f"pooled{number}")


def test_pages_hide_nothing_from_the_worker_and_each_payment_has_its_effects_once(
    house: Installation, far: Sink
) -> None:
    house.web()
    house.work()
    reader, over = Visitor(house.url), threading.Event()
    reader.fill_in(link_in(house.command("owner-link"), "/welcome/"), OWNER)

    def read() -> None:
        while not over.is_set():
            assert "Paid" in reader.get("/loops").words

    readers = [threading.Thread(target=read) for _ in range(READERS)]
    for one in readers:
        one.start()
    try:
        for number in range(WEBHOOKS):
            assert house.deliver(paid(number)).status == 200
        house.settled()
    finally:
        over.set()
        for one in readers:
            one.join()
    assert house.rows(ROWS) == [(WEBHOOKS,) * 4]
    assert list(audit.letters(house, far.ids(), IN_FLIGHT)) == []
    assert "received your payment" in house.why("ada0@example.com")
    assert house.status()["messages"] == {"sent": WEBHOOKS}


def test_a_role_that_sees_no_workspace_costs_503_and_words_and_nothing_else(tmp_path: Path, far: Sink) -> None:
    with behind(tmp_path, far, role("blind")) as house:
        house.start("web", "--port", str(house.port))
        house.until(lambda: house.post(paid(0)).status == 503, "asked the sender to come again")
        with pytest.raises(AssertionError, match=r"ALTER ROLE cocoonmail SET cocoonmail\.workspace"):
            house.status()
        ground.server.psql("ALTER ROLE blind SET cocoonmail.workspace = '*'")
        ground.server.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'blind'")
        house.until(lambda: house.post(paid(1)).status == 200, "took it in by itself")
        assert house.status()["deliveries"] == {"waiting": 1}


def test_who_migrates_through_it_is_told_to_go_to_the_server_and_leaves_no_lock(house: Installation) -> None:
    house.command("migrate")  # Nothing to do
    house.rows(f"DELETE FROM django_migrations WHERE id = ({LAST})")
    with pytest.raises(AssertionError, match="COCOONMAIL_DATABASE_POOLER=0"):
        house.command("migrate")
    assert house.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
