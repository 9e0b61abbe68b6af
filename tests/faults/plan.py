"""What is done to an installation in a storm, and when: values, chosen by a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from tests.poison import DELAYED, POISONED

Kind = TypeVar("Kind")

AFTER_MAX = 30  # Acknowledgements or letters between two faults
CALLS_MAX = 100  # Writes and syncs until a power cut; a webhook on its way to the mail server makes some ten
SURVIVAL = (0.0, 0.0, 0.1, 0.5, 0.9)
HOUR = 3600.0  # Seconds
DATABASE_ENDS = ("backend", "immediate", "all")


@dataclass(frozen=True, slots=True)
class Kill:
    """kill -9 of these processes, so many acknowledgements or letters after the fault before."""

    who: tuple[str, ...]
    after: int

    @property
    def by_letters(self) -> bool:
        """A worker is killed between a letter's final dot and the mail server's answer, the worst moment there is."""
        return "work" in self.who


@dataclass(frozen=True, slots=True)
class Cut:
    """The power fails so many acknowledgements after the fault before, and then so many writes and syncs.

    Each unsynced block has reached the disk with the chance `survival`; `seed` decides which.
    """

    after: int
    calls: int
    seed: int
    survival: float


@dataclass(frozen=True, slots=True)
class Crash:
    """PostgreSQL ends, in a way of DATABASE_ENDS, so many acknowledgements after the fault before."""

    how: str
    after: int


@dataclass(frozen=True, slots=True)
class Step:
    """All clocks are wrong by so many seconds, for a moment, so many acknowledgements after the fault before."""

    seconds: float
    after: int


@dataclass(frozen=True, slots=True)
class Full:
    """The disk is full until somebody was refused, so many acknowledgements after the fault before."""

    after: int


@dataclass(frozen=True, slots=True)
class Poison:
    """A webhook comes that takes the worker down, about somebody whose name begins so, so many acknowledgements after
    the fault before.
    """

    name: str
    after: int


Fault: TypeAlias = Kill | Cut | Crash | Step | Full | Poison


def kills(dice: random.Random, number: int, most: int = AFTER_MAX) -> list[Kill]:
    """Some kills, of each kind at least one where there are three; at most so many acknowledgements between two."""
    kinds = [("web",), ("work",), ("web", "work")]
    return [Kill(who, dice.randint(1, most)) for who in _each(dice, kinds, number)]


def cuts(dice: random.Random, number: int, most: int = AFTER_MAX) -> list[Cut]:
    """Some power cuts."""
    return [
        Cut(dice.randint(1, most), dice.randint(1, CALLS_MAX), dice.randrange(1_000_000), dice.choice(SURVIVAL))
        for _ in range(number)
    ]


def crashes(dice: random.Random, number: int, most: int = AFTER_MAX) -> list[Crash]:
    """Some ends of the database, in each way at least one where there are three."""
    return [Crash(how, dice.randint(1, most)) for how in _each(dice, DATABASE_ENDS, number)]


def steps(dice: random.Random, number: int, most: int = AFTER_MAX) -> list[Step]:
    """Clocks that go wrong by an hour, both ways."""
    return [Step(seconds, dice.randint(1, most)) for seconds in _each(dice, (HOUR, -HOUR), number)]


def shortages(dice: random.Random, number: int, most: int = AFTER_MAX) -> list[Full]:
    """Disks that fill up."""
    return [Full(dice.randint(1, most)) for _ in range(number)]


def poisons(dice: random.Random, number: int, most: int = AFTER_MAX) -> list[Poison]:
    """Webhooks that take workers down: while they are read, and later."""
    return [Poison(name, dice.randint(1, most)) for name in _each(dice, (POISONED, DELAYED), number)]


def _each(dice: random.Random, kinds: Sequence[Kind], number: int) -> list[Kind]:
    """So many of these, each at least once where there are enough, in any order."""
    chosen = [*kinds, *dice.choices(kinds, k=number)][:number]
    dice.shuffle(chosen)
    return chosen
