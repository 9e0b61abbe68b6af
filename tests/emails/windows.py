"""Count what lies in any window of time."""

from __future__ import annotations

from collections.abc import Iterable


def most_within(moments: Iterable[float], seconds: float) -> int:
    """How many of the moments lie in the fullest window [t, t + seconds)."""
    ordered = sorted(moments)
    most = first = 0
    for last, moment in enumerate(ordered):
        while moment - ordered[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def surely_within(spans: Iterable[tuple[float, float]], seconds: float) -> int:
    """The same where each happened between two moments, later ones no sooner than others: how many did beyond doubt."""
    ordered = sorted(spans)
    most = first = 0
    for last, (_, latest) in enumerate(ordered):
        while latest - ordered[first][0] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
