"""How many people entered loops, where they are, and how many emails they got."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from cocoonmail.emails.models import Message, Status
from cocoonmail.loops.models import Loop, Run, RunState
from cocoonmail.web.shared.counting import totals
from cocoonmail.web.shared.days import by_day

GONE_OUT = (Status.SENT, Status.CAPTURED)
STATES = (RunState.WAITING, RunState.FINISHED, RunState.FAILED)

assert set(STATES) == set(RunState)


class Inside(NamedTuple):
    """People in a loop by where they stand, in the order of STATES; each counted up to counting.COUNT_MAX + 1."""

    waiting: int
    finished: int
    failed: int

    @property
    def entered(self) -> int:
        """All of them."""
        return sum(self)


def inside(loops: Sequence[Loop]) -> list[Inside]:
    """Of each loop. One query."""
    found = totals(Run, [{"loop": loop.pk, "state": state.value} for loop in loops for state in STATES])
    return [Inside(*found[at : at + len(STATES)]) for at in range(0, len(found), len(STATES))]


def sent(loops: Sequence[Loop]) -> list[int]:
    """How many emails of each loop went out. One query."""
    found = totals(Message, [{"loop_id": loop.pk, "status": status.value} for loop in loops for status in GONE_OUT])
    return [sum(found[at : at + len(GONE_OUT)]) for at in range(0, len(found), len(GONE_OUT))]


def entered_by_day(loops: Sequence[Loop], now: datetime) -> list[list[int]]:
    """Who entered on each of the last 30 days, oldest first. One query."""
    # By state, for that is what the index is by. People go from one state to the next, so nothing is remembered.
    groups = [{"loop": loop.pk, "state": state.value} for loop in loops for state in STATES]
    found = by_day(Run, groups, "started_at", now, lasting=False)
    return [
        [sum(day) for day in zip(*found[at : at + len(STATES)], strict=True)]
        for at in range(0, len(found), len(STATES))
    ]
