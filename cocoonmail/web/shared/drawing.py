"""Counts over time as pictures: pure geometry, drawn as SVG by the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 96, 24
CHART_WIDTH, CHART_HEIGHT = 600, 120
# A day with anything at all must be visible beside a day with thousands.
SMALLEST_BAR = 2.0


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A line for a table's cell. `line` and `area` are SVG path data on a grid of 96 by 24."""

    line: str
    area: str
    words: str
    flat: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of a chart, on a grid of 600 by 120; `slot` and `slot_width` are the part that answers to the pointer."""

    x: float
    y: float
    width: float
    height: float
    slot: float
    slot_width: float
    words: str


def sparkline(counts: Sequence[float], noun: str = "") -> Sparkline:
    """A line through counts, oldest first."""
    spots = [(x, y) for x, y in zip(across(len(counts)), heights(counts), strict=True)]
    line = "M" + "L".join(f"{x:g} {y:g}" for x, y in spots) if spots else ""
    area = f"{line}L{WIDTH} {HEIGHT}L0 {HEIGHT}Z" if spots else ""
    return Sparkline(line, area, in_words(counts, noun), not any(counts))


def across(number: int) -> list[float]:
    """Evenly spread x coordinates; a single one spans the whole as a level line would."""
    return [round(WIDTH * place / max(number - 1, 1), 1) for place in range(number)]


def heights(counts: Sequence[float]) -> list[float]:
    """The y of each count: the highest touches the top, nothing lies on the ground."""
    top = max(counts, default=0) or 1
    return [round((HEIGHT - 1) - (HEIGHT - 2) * count / top, 1) for count in counts]


def in_words(counts: Sequence[float], noun: str = "") -> str:
    """What the picture says, for those who do not see it: `30 days: 120 emails in all, at most 14 a day`."""
    what = f" {noun}" if noun else ""
    return f"{len(counts)} days: {sum(counts):,g}{what} in all, at most {max(counts, default=0):,g} a day"


def bars(days: Sequence[tuple[str, int]], noun: str = "") -> list[Bar]:
    """A bar a day, from (name of the day, count), oldest first."""
    top = max((count for _, count in days), default=0) or 1
    slot = CHART_WIDTH / max(len(days), 1)
    return [
        bar(place * slot, slot, count / top, f"{name}: {count:,} {noun}".rstrip())
        for place, (name, count) in enumerate(days)
    ]


def bar(x: float, slot: float, share: float, words: str) -> Bar:
    """One bar; `share` is its part of the highest, from 0 to 1."""
    height = max(CHART_HEIGHT * share, SMALLEST_BAR) if share else 0
    gap = slot * 0.22
    left, top, width = round(x + gap / 2, 2), round(CHART_HEIGHT - height, 2), round(slot - gap, 2)
    return Bar(left, top, width, round(height, 2), round(x, 2), round(slot, 2), words)
