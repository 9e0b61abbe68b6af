"""Change a loop's draft: what runs is left alone, and a change made over somebody else's is refused."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model

from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from cocoonmail.loops.steps import Step


class Stale(RuntimeError):
    """This was changed in another tab, or by somebody else, since you opened it. Nothing of yours was saved."""


def save(row: Loop | Model, seen: datetime, **changes: Any) -> None:
    """Write fields of a loop or an email, if it is still as it was `seen`, by its `updated_at`. Raises Stale."""
    # Two saves within the clock's resolution must not look like one.
    now = max(database_now(), seen + timedelta(microseconds=1))
    mine = type(row)._default_manager.filter(pk=row.pk, updated_at=seen)
    if not mine.update(**changes, updated_at=now):
        raise Stale(Stale.__doc__)
    for name, value in {**changes, "updated_at": now}.items():
        setattr(row, name, value)


def new_id() -> str:
    """An id for a step. Ids are never used again, so that figures of a step that is gone are not another's."""
    return secrets.token_hex(4)


def with_step(steps: Sequence[Step], step: Step, after: str) -> list[Step]:
    """The steps with one more behind the step of this id; at the beginning for "" and for an id that is gone."""
    place = _place(steps, after) + 1
    return [*steps[:place], step, *steps[place:]]


def with_changed(steps: Sequence[Step], changed: Step) -> list[Step]:
    """The steps with the one of the same id replaced."""
    return [changed if step.id == changed.id else step for step in steps]


def without(steps: Sequence[Step], id: str) -> list[Step]:
    """The steps without the one of this id."""
    return [step for step in steps if step.id != id]


def moved(steps: Sequence[Step], id: str, by: int) -> list[Step]:
    """The steps with one moved by so many places, as far as there are places."""
    place = _place(steps, id)
    if place < 0:
        return list(steps)
    rest = without(steps, id)
    target = min(max(place + by, 0), len(rest))
    return [*rest[:target], steps[place], *rest[target:]]


def _place(steps: Sequence[Step], id: str) -> int:
    return next((place for place, step in enumerate(steps) if step.id == id), -1)
