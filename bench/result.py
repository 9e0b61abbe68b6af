"""One measurement's figures."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class CheckFailed(RuntimeError):
    """The result was wrong, so no speed is worth telling."""


@dataclass(frozen=True, slots=True)
class Result:
    """Rates are per second and the medians of the rounds; times in milliseconds; memory in MB; `cpu` is the processor
    time of our processes for each unit of work, in microseconds, which says more than a rate on a busy machine.

    `goal` is what the ratio to the limit must reach, `least` what the rate must; `within` what p95 must not exceed, in
    milliseconds; `memory_goal` what the memory must not exceed. None: there is no such thing to reach.
    """

    name: str
    database: str
    rows_checked: int
    processes: int
    rate: float | None = None
    least: float | None = None
    limit: float | None = None
    goal: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    within: float | None = None
    peak_memory: float | None = None
    memory_goal: float | None = None
    cpu: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours against the limit measured beside it."""
        return self.rate / self.limit if self.rate is not None and self.limit else None

    @property
    def holds(self) -> bool:
        """Whether every goal is reached."""
        many = self.least is None or (self.rate is not None and self.rate >= self.least)
        enough = self.goal is None or (self.ratio is not None and self.ratio >= self.goal)
        soon = self.within is None or (self.p95 is not None and self.p95 <= self.within)
        small = self.memory_goal is None or (self.peak_memory is not None and self.peak_memory <= self.memory_goal)
        return many and enough and soon and small

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        ratio = round(self.ratio, 3) if self.ratio is not None else None
        return {**asdict(self), "ratio": ratio, "holds": self.holds, "commit": commit()}

    def as_row(self) -> str:
        """For people."""
        cells = [
            *((value, ".0f", 10) for value in (self.rate, self.limit)),
            *((value, ".2f", 7) for value in (self.ratio, self.goal)),
            *((value, ".1f", 9) for value in (self.p50, self.p95, self.p99)),
            *((value, ".0f", 8) for value in (self.within, self.peak_memory)),
        ]
        figures = "".join(f"{_figure(value, form):>{width}}" for value, form, width in cells)
        return f"{self.name:<30}{self.database:<10}{self.processes:>5}{figures}{'yes' if self.holds else 'no':>7}"


HEAD = (
    f"{'bench':<30}{'database':<10}{'procs':>5}{'ours/s':>10}{'limit/s':>10}{'ratio':>7}{'goal':>7}"
    f"{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'within':>8}{'MB':>8}{'holds':>7}"
)


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def commit() -> str:
    """The commit that was measured, "" outside a checkout."""
    root = Path(__file__).resolve().parents[1]
    command = ["git", "-C", str(root), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def percentile(times: list[float], share: float) -> float:
    """The smallest of these times that so large a share of them does not exceed (nearest rank)."""
    ordered = sorted(times)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
