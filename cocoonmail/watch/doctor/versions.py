"""Versions with known faults."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator

from django.db import connection

from cocoonmail.watch.doctor.finding import Finding, ok, problem, warning

Version = tuple[int, ...]

# A commit beside a checkpoint can be left out of the database (https://sqlite.org/wal.html#walresetbug).
WAL_RESET_FIXED: tuple[Version, ...] = ((3, 44, 6), (3, 50, 7), (3, 51, 3))
POSTGRES_LEAST = 14  # What Django 5.2 works with


def versions() -> Iterator[Finding]:
    """Of what is running here."""
    yield from python(sys.version_info[:3], sys.version_info.releaselevel)
    if connection.vendor == "sqlite":
        yield from sqlite(sqlite3.sqlite_version_info)
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')")
            yield from postgres(int(cursor.fetchone()[0]))


def python(version: Version, release: str) -> Iterator[Finding]:
    """Python, its version and whether it is a final one."""
    if release != "final":
        yield warning("versions", f"Python {_text(version)} is a {release} release.", "Install a final one.")
    else:
        yield ok("versions", f"Python {_text(version)}.")


def sqlite(version: Version) -> Iterator[Finding]:
    """The library that Python is linked with."""
    fixed = version >= WAL_RESET_FIXED[-1] or any(version[:2] == one[:2] and version >= one for one in WAL_RESET_FIXED)
    if fixed:
        yield ok("versions", f"SQLite {_text(version)}.")
    else:
        yield warning(
            "versions",
            f"SQLite {_text(version)} has the WAL-reset fault: very rarely, a commit beside a checkpoint is lost, or "
            "the file is damaged. Cocoonmail's own processes keep out of its way.",
            "Let no other program write to the database; better, run a Python that brings SQLite 3.51.3 or newer (or "
            "3.50.7, 3.44.6), or use PostgreSQL.",
        )


def postgres(number: int) -> Iterator[Finding]:
    """The server, as it numbers itself: 140003 is 14.3."""
    major, minor = divmod(number, 10_000)
    if major < POSTGRES_LEAST:
        words = f"PostgreSQL {major} is older than the {POSTGRES_LEAST} that Cocoonmail needs."
        yield problem("versions", words, "Upgrade the server.")
    elif major == 14 and minor < 4:
        words = f"PostgreSQL {major}.{minor} can damage an index that is built CONCURRENTLY."
        yield warning("versions", words, "Upgrade to the newest 14, then REINDEX.")
    else:
        yield ok("versions", f"PostgreSQL {major}.{minor}.")


def _text(version: Version) -> str:
    return ".".join(map(str, version))
