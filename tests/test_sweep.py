"""Promises S1, S2 and W2: whatever a worker is doing when it dies or stands still, no mail is lost or sent twice.

Every point of a journey is taken on SQLite. PostgreSQL has a sample, and the whole with COCOONMAIL_TEST_SWEEP=all.
COCOONMAIL_TEST_SEED repeats a sample.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from tests import ground
from tests.doom import Point
from tests.doomed import Doomed
from tests.sweep import Sweep, sweep

pytestmark = pytest.mark.processes

POINTS_AT_LEAST = 80  # Fewer were seen by something that does not see all
SAMPLE = 20  # Points
MISSED_MAX = 10  # Of so many points one may be missed, for how often an idle worker looks depends on the moment
WHOLE = os.environ.get("COCOONMAIL_TEST_SWEEP") == "all"
SEED = int(os.environ.get("COCOONMAIL_TEST_SEED", random.randrange(1_000_000)))

End: TypeAlias = Callable[[Sweep, Point], list[str]]


def sample(points: list[Point], number: int) -> list[Point]:
    """Some of them where there are more."""
    return points if WHOLE or len(points) <= number else random.Random(SEED).sample(points, number)


def the_dots(points: list[Point]) -> list[Point]:
    """The worst moments: a final dot has just been sent."""
    return [point for point in points if point.what == "sending: the final dot" and point.after]


def before_the_mark(points: list[Point]) -> list[Point]:
    """All but the dot has been handed over, and the ledger is about to be asked."""
    return [point for point in points if point.what.startswith("ledger: connect") and not point.after]


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """The journey from the queue to the mail server."""
    with sweep(tmp_path_factory.mktemp("sweep")) as prepared:
        yield prepared


@pytest.fixture(scope="module")
def points(swept: Sweep) -> list[Point]:
    """All that it passes."""
    found = swept.points(("sending", "desk", "ledger"))
    assert len(found) > POINTS_AT_LEAST, found
    return found


def taken(swept: Sweep, end: End, points: list[Point]) -> list[str]:
    """The findings at all these points, of which hardly any may be missed."""
    missed = len(swept.missed)
    found = [found for point in points for found in end(swept, point)]
    assert len(swept.missed) - missed <= len(points) // MISSED_MAX, swept.missed[missed:]
    return found


def test_kill_9_before_and_after_every_statement_and_command_loses_and_doubles_no_message(
    swept: Sweep, points: list[Point]
) -> None:
    assert the_dots(points)
    chosen = sample(points, SAMPLE) if ground.POSTGRES else points
    assert taken(swept, Sweep.killed, chosen) == [], f"seed {SEED}"


def test_kill_9_on_the_way_from_the_webhook_to_the_queue_loses_and_doubles_no_message(tmp_path: Path) -> None:
    with sweep(tmp_path, advanced=False) as swept:
        points = sample(swept.points(("stages",)), SAMPLE // 2)
        assert taken(swept, Sweep.killed, points) == [], f"seed {SEED}"


def test_a_worker_that_stood_still_for_longer_than_its_lease_sends_nothing_twice(
    swept: Sweep, points: list[Point]
) -> None:
    said = [point for point in points if point.what.startswith("sending")]
    chosen = [*before_the_mark(points), *sample(said, SAMPLE // 2)]
    assert taken(swept, Sweep.stopped, chosen) == [], f"seed {SEED}"


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("bad", "points_of", "end"),
    [
        ("send_again", the_dots, Sweep.killed),
        ("mark_after_dot", the_dots, Sweep.killed),
        ("no_fence", before_the_mark, Sweep.stopped),
    ],
)
def test_the_sweep_notices_a_worker_with_a_guard_taken_out(
    swept: Sweep,
    points: list[Point],
    bad: str,
    points_of: Callable[[list[Point]], list[Point]],
    end: End,
) -> None:
    spoilt = replace(swept, workers=Doomed(swept.house, {"KNOWN_BAD": bad}))
    found = [found for point in points_of(points) for found in end(spoilt, point)]
    assert any(one.startswith("twice: ") for one in found), found
