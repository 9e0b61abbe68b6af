"""Figures counted in plain numbers where the work is done, and read by whoever asks."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Sequence

VALUES_MAX = 60  # Values of a figure's label; what comes on top is counted as OTHER
OTHER = "other"

_new_value = threading.Lock()


class Counter:
    """How often something happened since the process began, by the value of one label ("" = it has none).

    Adding takes no lock: CPython changes threads at calls and jumps, and there is none between reading a number and
    writing it back. `known` values are told as 0 from the beginning, so that a rate over them is there at once.
    """

    def __init__(self, name: str, words: str, label: str = "", known: Sequence[str] = ()) -> None:
        self.name, self.words, self.label = name, words, label
        self.values: dict[str, int] = dict.fromkeys(known if label else ("",), 0)

    def add(self, value: str = "", by: int = 1) -> None:
        """It happened, `by` times."""
        try:
            self.values[value] += by
        except KeyError:
            self.values[_room_for(value, self.values, 0)] += by


class Series:
    """One label value of a Histogram: how many values fell into each of its classes, and their sum."""

    def __init__(self, classes: int) -> None:
        self.counts = [0] * classes
        self.total = 0.0


class Histogram:
    """How large something was: numbers of values up to each of `bounds`, and above, by the value of one label."""

    def __init__(
        self, name: str, words: str, bounds: Sequence[float], label: str = "", known: Sequence[str] = ()
    ) -> None:
        self.name, self.words, self.label, self.bounds = name, words, label, tuple(bounds)
        self.series = {value: Series(len(bounds) + 1) for value in (known if label else ("",))}

    def note(self, size: float, value: str = "") -> None:
        """One value."""
        series = self.series.get(value)
        if series is None:
            series = self.series[_room_for(value, self.series, Series(len(self.bounds) + 1))]
        series.counts[bisect_left(self.bounds, size)] += 1
        series.total += size


def _room_for(value: str, values: dict[str, int] | dict[str, Series], empty: int | Series) -> str:
    """Begin a value, or OTHER where there are too many; returns which."""
    with _new_value:
        chosen = value if len(values) < VALUES_MAX else OTHER
        values.setdefault(chosen, empty)  # type: ignore[arg-type]
        return chosen
