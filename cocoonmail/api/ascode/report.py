"""What applying a file changed, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from msgspec import UNSET


@dataclass(slots=True)
class Report:
    """Lines in words, the endpoints' URLs by name, and what the file does not mention.

    An endpoint that a dry run would make has no URL yet: "".
    """

    dry_run: bool = False
    lines: list[str] = field(default_factory=list)
    urls: dict[str, str] = field(default_factory=dict)
    left_alone: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """One more change."""
        self.lines.append(line)

    def update(self, label: str, row: models.Model, wanted: Mapping[str, Any]) -> None:
        """Set the fields of a row that differ, save it if any did, and say which."""
        new = {name: value for name, value in wanted.items() if value is not UNSET and getattr(row, name) != value}
        for name, value in new.items():
            setattr(row, name, value)
        if new:
            row.save()
            self.add(f"{label}: " + ", ".join(f"{name} = {_shown(value)}" for name, value in new.items()))


def _shown(value: Any) -> str:
    text = str(getattr(value, "name", value))
    return f"{text[:60]}…" if len(text) > 60 else text or "(none)"
