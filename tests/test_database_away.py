"""Promise R8: while the database is away everybody is asked to come again; once it is back all goes on by itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from statistics import median

import pytest

from bench.cluster import Cluster, cluster
from cocoonmail.intake.door import STORE_SECONDS
from cocoonmail.platforms.stripe.samples import sample
from tests import ground
from tests.gate import Gate, gate
from tests.house import Installation, free_port, link_in
from tests.shop import SECRET
from tests.visitor import OWNER, Visitor

AT_ONCE = STORE_SECONDS * 9 / 8 + 1  # Seconds: the door looks at its waiters eight times in that; and a quick answer's
BACK_WITHIN = 15.0  # Seconds: some looks that are in vain; what notices nothing by itself would take twice as long
MANY = 10  # Connections that pages share
LASTING = 12  # Connections that the threads of web and worker keep, and whoever looks here
STORED = "SELECT count(*) FROM intake_delivery"
PROCESSED = "SELECT count(*) FROM contacts_contact"
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
YAML = f"""
workspace: Acme
endpoints:
  - {{name: Stripe, platform: stripe, secrets: [{SECRET}], events: {{customer.created: newStripeCustomer}}}}
"""

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(not ground.POSTGRES, reason="SQLite is never away"),
]


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with cluster("127.0.0.1", free_port()) as one:
        yield one


@pytest.fixture(scope="module")
def way(database: Cluster) -> Iterator[Gate]:
    """What web and worker reach it through."""
    with gate(database.port) as one:
        yield one


@pytest.fixture(scope="module")
def house(database: Cluster, way: Gate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    url = database.url.replace(f":{database.port}/", f":{way.port}/")
    one = Installation(tmp_path_factory.mktemp("house"), database_url=url)
    one.command("migrate")
    one.apply(YAML)
    one.web()
    one.work()
    try:
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def reader(house: Installation) -> Visitor:
    """The owner, who is logged in: each page of theirs asks the database."""
    one = Visitor(house.url)
    one.fill_in(link_in(house.command("owner-link"), "/welcome/"), OWNER)
    assert one.get("/messages").status == 200
    return one


def webhook(house: Installation) -> tuple[int | None, float]:
    """The answer to a webhook about somebody new, and the seconds that it took."""
    name = token_hex(8)
    event = sample("customer.created", email=f"{name}@example.com", name=name, now=int(time.time()), token=name)
    begin = time.monotonic()
    return house.post(event).status, time.monotonic() - begin


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_that_is_away_costs_503_at_once_and_is_taken_up_again_by_itself(
    house: Installation, database: Cluster, reader: Visitor, mode: str
) -> None:
    look_at_many_pages(house)
    at_once = AT_ONCE + slowest(house)
    stored = house.rows(STORED)[0][0]
    database.stop(mode)
    try:
        answers = [webhook(house) for _ in range(5)]
        begin = time.monotonic()
        page = reader.get("/messages")
        waited = time.monotonic() - begin
    finally:
        database.start()
    house.until(lambda: webhook(house)[0] == 200, "took webhooks in again", BACK_WITHIN)
    house.until(lambda: reader.get("/messages").status == 200, "showed pages again", BACK_WITHIN)
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < at_once
    assert (page.status, waited < at_once) == (503, True)
    assert "Nothing that was received before is lost" in page.words
    assert house.rows(STORED)[0][0] > stored
    done = house.rows(PROCESSED)[0][0]
    assert webhook(house)[0] == 200
    house.until(lambda: house.rows(PROCESSED)[0][0] > done, "processed anything again", BACK_WITHIN)


@pytest.mark.parametrize("heals", ["goes on", "knows nobody"])
def test_a_database_that_is_there_and_says_nothing_costs_503_at_once_and_is_taken_up_again_by_itself(
    house: Installation, way: Gate, reader: Visitor, heals: str
) -> None:
    at_once = AT_ONCE + slowest(house)
    way.shut()
    try:
        with ThreadPoolExecutor(MANY) as senders:
            answers = list(senders.map(lambda _: webhook(house), range(MANY)))
        answers.append(webhook(house))
    finally:
        if heals == "knows nobody":
            way.cut()
        way.open()
    house.until(lambda: webhook(house)[0] == 200, "took webhooks in again", BACK_WITHIN)
    house.until(lambda: reader.get("/messages").status == 200, "showed pages again", BACK_WITHIN)
    assert {status for status, _ in answers} == {503}
    # Ten senders at once on a busy machine: most of them tell how long the door waits.
    assert median(seconds for _, seconds in answers) < at_once
    done = house.rows(PROCESSED)[0][0]
    assert webhook(house)[0] == 200
    house.until(lambda: house.rows(PROCESSED)[0][0] > done, "processed anything again", BACK_WITHIN)


def slowest(house: Installation) -> float:
    """The seconds that the slowest of some ordinary answers takes on this machine, as busy as it is."""
    answers = [webhook(house) for _ in range(MANY)]
    assert {status for status, _ in answers} == {200}
    return max(seconds for _, seconds in answers)


def look_at_many_pages(house: Installation) -> None:
    """As many at once as there are connections in the pool, so that all of them break."""
    readers = [threading.Thread(target=Visitor(house.url).get, args=("/welcome/nothing",)) for _ in range(MANY)]
    for one in readers:
        one.start()
    for one in readers:
        one.join()


def test_readers_who_leave_before_their_page_has_come_take_no_connection_with_them(
    house: Installation, reader: Visitor
) -> None:
    for _ in range(MANY * 3):
        with socket.create_connection(("127.0.0.1", house.port)) as gone:
            gone.sendall(b"GET /welcome/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert {reader.get("/messages").status for _ in range(MANY)} == {200}
    assert house.rows(CONNECTED)[0][0] <= MANY + LASTING
