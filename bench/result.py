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
    """

    name: str
    database: str
    rate: float
    limit: float
    goal: float
    rows_checked: int
    processes: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    peak_memory: float | None = None
    cpu: float | None = None

    @property
    def ratio(self) -> float:
        """Ours against the limit measured beside it."""
        return self.rate / self.limit

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {**asdict(self), "ratio": round(self.ratio, 3), "commit": commit()}

    def as_row(self) -> str:
        """For people."""
        times = "".join(f"{value:>8.1f}" if value is not None else f"{'–':>8}" for value in (self.p50, self.p99))
        return (
            f"{self.name:<18}{self.database:<10}{self.rate:>10.0f}{self.limit:>10.0f}{self.ratio:>7.2f}"
            f"{self.goal:>6.2f}{times}"
        )


def commit() -> str:
    """The commit that was measured, "" outside a checkout."""
    root = Path(__file__).resolve().parents[1]
    command = ["git", "-C", str(root), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
