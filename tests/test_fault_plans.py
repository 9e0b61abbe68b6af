"""Promises of `bin/bench faults`: a seed repeats a plan, and a table tells all that was found."""

from __future__ import annotations

import random

import pytest

from bench import faults
from tests.faults import plan
from tests.faults.night import STORMS
from tests.poison import DELAYED, POISONED

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize("name", STORMS)
def test_the_same_seed_makes_the_same_plan_of_the_length_that_was_asked_for(name: str) -> None:
    make = STORMS[name][0]
    one, same, other = (make(random.Random(seed), 40, 100) for seed in (1, 1, 2))
    assert one == same != other
    assert len(one) == 40


def test_a_plan_has_each_kind_of_fault() -> None:
    dice = random.Random(0)
    assert {fault.who for fault in plan.kills(dice, 3, 9)} == {("web",), ("work",), ("web", "work")}
    assert {fault.how for fault in plan.crashes(dice, 3, 9)} == set(plan.DATABASE_ENDS)
    assert {fault.seconds for fault in plan.steps(dice, 2, 9)} == {plan.HOUR, -plan.HOUR}
    assert {fault.name for fault in plan.poisons(dice, 2, 9)} == {POISONED, DELAYED}


def test_every_storm_can_be_asked_for_and_its_row_has_every_figure() -> None:
    assert set(faults.KINDS) == set(STORMS)
    figures = dict.fromkeys(faults.COLUMNS, 0) | {"name": "faults kills", "database": "sqlite", "acks": 4711}
    assert len(faults.row(figures)) == len(faults.HEAD)
    assert "4711" in faults.row(figures)
