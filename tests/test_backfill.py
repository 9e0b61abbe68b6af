"""Promise R14 with real processes: whatever ends a worker in the middle of a backfill, each event is here once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doom import Point
from tests.doomed import Doomed
from tests.fake_stripe.server import FakeStripe
from tests.fake_stripe.shapes import Object
from tests.house import Installation, installation
from tests.shop import FILE, event

pytestmark = pytest.mark.processes

KEY = "rk_test_0123456789abcdef"
EVENTS, BY_THE_DOOR = 450, 30
DAY = 86_400
COMMIT = "backfills: _commit"  # Of each page there are two: that of its claim, and that of what was on it
ENDS = (
    Point(COMMIT, 2, after=False),  # The first page is fetched, and lost with its transaction
    Point(COMMIT, 2, after=True),  # It is stored
    Point(COMMIT, 1, after=True),  # The second is claimed
    Point(COMMIT, 4, after=False),  # It is stored, and the third is lost
)


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    """A Stripe whose list of events is long."""
    with FakeStripe() as fake:
        begin = time.time() - 29 * DAY
        people = (f"person{number}@example.com" for number in range(EVENTS))
        moments = (int(begin + number * 28 * DAY / EVENTS) for number in range(EVENTS))
        fake.account.events += [event("invoice.paid", one, at=at) for one, at in zip(people, moments, strict=True)]
        yield fake


@pytest.fixture
def house(stripe: FakeStripe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installation]:
    """An installation that heard a few of them, in the middle."""
    monkeypatch.delenv("STRIPE_API_KEY", raising=False)  # The command would take whoever's it is.
    environment = {"COCOONMAIL_STRIPE_API": stripe.base_url}
    with installation(tmp_path, FILE % "capture", environment=environment) as made:
        made.web()
        for one in stripe.events[200 : 200 + BY_THE_DOOR]:
            assert made.deliver(one).status == 200
        assert made.stop("web") == 0
        yield made


def audit(house: Installation, events: list[Object]) -> None:
    """Everything once: the deliveries, and what follows from each."""
    stored = Counter(id for (id,) in house.rows("SELECT external_id FROM intake_delivery"))
    assert stored == Counter(one["id"] for one in events)
    assert house.counted("intake_delivery", "state") == {"done": EVENTS}
    messages = house.counted("emails_message", "status")
    # Those that a killed worker had in hand, about which nobody knows.
    assert messages["captured"] + messages["unknown"] == messages.total() == EVENTS
    assert house.counted("loops_run", "state") == {"finished": EVENTS}


def test_a_backfill_goes_on_where_a_killed_worker_was_and_takes_in_each_event_once(
    house: Installation, stripe: FakeStripe
) -> None:
    house.module("tests.inside", "backfill", KEY)
    hands = Doomed(house)
    for end in ENDS:
        assert hands.ended(hands.start(end)) == "-9", end
        house.end_leases()
    stripe.turned_away = [(429, {"Retry-After": "1"})]
    hands.finish(hands.start())
    audit(house, stripe.events)
    found = house.rows("SELECT state, fetched, added, passed_over, sealed FROM intake_backfill")
    assert found == [("finished", EVENTS, EVENTS - BY_THE_DOOR, 0, "")]


def test_the_command_fetches_everything_by_itself_and_tells_how_far_it_has_got(
    house: Installation, stripe: FakeStripe
) -> None:
    said = house.command("backfill", said=f"{KEY}\n").splitlines()
    assert len(said) == -(-EVENTS // 100)
    assert said[0].startswith("100 events read, back to ")
    assert said[-1].endswith(f": {EVENTS - BY_THE_DOOR} new, {BY_THE_DOOR} here already, 0 not wanted here")
    assert all(KEY not in line for line in said)
    hands = Doomed(house)
    hands.finish(hands.start())
    audit(house, stripe.events)
