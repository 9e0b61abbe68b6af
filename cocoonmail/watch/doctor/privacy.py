"""Who else on this machine can read the database's file."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from cocoonmail.watch.doctor.finding import Finding, ok, problem


def privacy() -> Iterator[Finding]:
    """Of SQLite's file; PostgreSQL's are its own."""
    if connection.vendor == "sqlite":
        yield from of_others(Path(connection.settings_dict["NAME"]).resolve())


def of_others(file: Path) -> Iterator[Finding]:
    """Whether people who are neither the file's owner nor in its group can read it, and reach it. Raises OSError."""
    mode = file.stat().st_mode
    if mode & (stat.S_IROTH | stat.S_IWOTH) and all(folder.stat().st_mode & stat.S_IXOTH for folder in file.parents):
        yield problem(
            "database",
            f"Everybody on this machine can read {file} (mode {stat.S_IMODE(mode):03o}): contacts, messages, webhooks.",
            f"chmod 600 {file}*, and chmod 700 {file.parent} if nothing else lies there.",
        )
    else:
        yield ok("database", f"Others on this machine cannot read {file.name}.")
