"""What a check found: how bad it is, what it is, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Only a PROBLEM stops something, loses something, or lets somebody in."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `about` is a word for its place; `remedy` a sentence that says what to do, "" when all is well."""

    about: str
    level: Level
    what: str
    remedy: str = ""


def ok(about: str, what: str) -> Finding:
    """All is well."""
    return Finding(about, Level.OK, what)


def warning(about: str, what: str, remedy: str) -> Finding:
    """It works, and could be better or may not stay so."""
    return Finding(about, Level.WARNING, what, remedy)


def problem(about: str, what: str, remedy: str) -> Finding:
    """It does not work, or what it should hold does not hold."""
    return Finding(about, Level.PROBLEM, what, remedy)
