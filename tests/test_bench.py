"""Promises of the measurements: what is wrong is no speed, and a goal that is missed is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.latency import waits
from bench.result import CheckFailed, Result, percentile
from bench.send import Sink
from bench.webhooks import address, requests
from tests.sink import Taken


def letter(number: int, at: float) -> Taken:
    return Taken(f"<{number}@acme.test>", address(number), at)


def result(**figures: float) -> Result:
    return Result(name="any", database="sqlite", rows_checked=1, processes=1, **figures)


def test_the_wait_is_from_the_answer_to_the_letter_of_the_same_person() -> None:
    assert waits([1.0, 2.0, 3.0], [letter(1, 2.5), letter(0, 1.25), letter(2, 2.5)]) == [250.0, 500.0, 0.0]


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        ([letter(0, 1)], "1 letters lost, 0 doubled"),
        ([letter(0, 1), letter(1, 1), letter(1, 2)], "0 letters lost, 1 doubled"),
        ([letter(0, 1), letter(0, 1)], "1 letters lost, 1 doubled"),
        ([letter(0, 1), letter(1, 1), letter(7, 1)], "1 strange"),
    ],
)
def test_a_letter_lost_doubled_or_strange_fails_the_measurement(taken: list[Taken], words: str) -> None:
    with pytest.raises(CheckFailed, match=words):
        waits([1.0, 1.0], taken)


@pytest.mark.parametrize(("arrived", "words"), [("a", "1 not"), ("aab", "1 of them twice"), ("abc", "3 arrived")])
def test_the_sink_misses_and_doubles_nothing(tmp_path: Path, arrived: str, words: str) -> None:
    (tmp_path / "ids").write_text("<a>\n<b>")
    (tmp_path / "dump").write_text("".join(f"To: x\nMessage-ID: <{name}>\n\nMessage\n" for name in arrived))
    with pytest.raises(CheckFailed, match=words):
        Sink(0, tmp_path / "dump").check(str(tmp_path / "ids"))
    (tmp_path / "dump").write_text("Message-ID: <b>\nMessage-id: <a>\n")
    assert Sink(0, tmp_path / "dump").check(str(tmp_path / "ids")) == 2


def test_webhooks_are_about_people_of_their_own() -> None:
    posts = requests("/hooks/stripe/x")
    first, second = next(posts), next(posts)
    assert address(0).encode() in first
    assert address(1).encode() in second
    assert b'"id": "evt_1"' in second
    assert b"Stripe-Signature: t=" in second


@pytest.mark.parametrize(
    ("figures", "holds"),
    [
        ({"rate": 50.0, "limit": 100.0, "goal": 0.5}, True),
        ({"rate": 49.0, "limit": 100.0, "goal": 0.5}, False),
        ({"rate": 1999.0, "least": 2000.0}, False),
        ({"p95": 151.0, "within": 150.0}, False),
        ({"peak_memory": 251.0, "memory_goal": 250.0}, False),
        ({"within": 150.0}, False),
        ({"rate": 2000.0, "least": 2000.0, "p95": 150.0, "within": 150.0}, True),
    ],
)
def test_a_goal_that_is_missed_is_said_to_be(figures: dict[str, float], holds: bool) -> None:
    assert result(**figures).holds is holds


def test_a_percentile_is_one_of_the_times() -> None:
    times = [float(number) for number in range(100, 0, -1)]
    assert [percentile(times, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50, 95, 99, 100]
    assert percentile([7.0], 0.5) == 7
