"""The steps of a loop, and the move that each one makes. Pure: what a step does to the world is done in advance.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

WAIT_MAX = timedelta(days=366)
STEPS_MAX = 300


@dataclass(frozen=True, slots=True)
class Wait:
    """Stay for a while. A wait of 0 goes on immediately."""

    id: str
    duration: timedelta


@dataclass(frozen=True, slots=True)
class SendEmail:
    """Send an email: `email` is the authored one, `version` the published one (None in a draft)."""

    id: str
    email: int
    version: int | None = None


# The union is open for more kinds: each is a dataclass here, a line in `read_step` and a case in `take`.
Step: TypeAlias = Wait | SendEmail


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on to the next step, at `due_at` or, where that is None, at once."""

    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """Hand this published email over to be sent, and go on to the next step."""

    version: int


Move: TypeAlias = Continue | Send


class BadStep(ValueError):
    """A step does not have the form that its type asks for. The message says what is wrong."""


def take(step: Step, now: datetime) -> Move:
    """The move that a contact makes who stands at this step."""
    match step:
        case Wait(duration=duration):
            return Continue(now + duration if duration else None)
        case SendEmail(version=version):
            if version is None:
                raise BadStep(f"Step {step.id} has no published email.")
            return Send(version)


def read_steps(form: Sequence[Mapping[str, Any]]) -> list[Step]:
    """Steps from JSON: [{"id": "w", "type": "wait", "seconds": 0}, {"id": "e", "type": "email", "email": 7}]."""
    if len(form) > STEPS_MAX:
        raise BadStep(f"A loop has at most {STEPS_MAX} steps.")
    steps = [read_step(one) for one in form]
    if len({step.id for step in steps}) != len(steps):
        raise BadStep("Two steps have the same id.")
    return steps


def read_step(form: Mapping[str, Any]) -> Step:
    """One step from its JSON form. Raises BadStep."""
    match form:
        case {"id": str(id), "type": "wait", "seconds": int(seconds)} if 0 <= seconds <= WAIT_MAX.total_seconds():
            return Wait(id, timedelta(seconds=seconds))
        case {"id": str(id), "type": "wait"}:
            raise BadStep(f"Step {id}: a wait lasts from 0 to {WAIT_MAX.days} days.")
        case {"id": str(id), "type": "email", "email": int(email), **rest}:
            return SendEmail(id, email, rest.get("version"))
        case _:
            raise BadStep(f"This is no step: {dict(form)!r}")


def write_steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The JSON form of steps."""
    return [_write_step(step) for step in steps]


def _write_step(step: Step) -> dict[str, Any]:
    match step:
        case Wait(id=id, duration=duration):
            return {"id": id, "type": "wait", "seconds": int(duration.total_seconds())}
        case SendEmail(id=id, email=email, version=None):
            return {"id": id, "type": "email", "email": email}
        case SendEmail(id=id, email=email, version=version):
            return {"id": id, "type": "email", "email": email, "version": version}


def step_after(steps: Sequence[Step], id: str) -> str:
    """The id of the step behind this one, "" at the end."""
    ids = [step.id for step in steps]
    following = ids.index(id) + 1
    return ids[following] if following < len(ids) else ""
