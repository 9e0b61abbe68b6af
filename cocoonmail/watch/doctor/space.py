"""Room on the disk, and for connections."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.db import connection

from cocoonmail.kit.amounts import amount
from cocoonmail.kit.http_limits import MIB, Limits
from cocoonmail.kit.httpserver import connections_possible
from cocoonmail.watch.doctor.finding import Finding, ok, problem, warning
from cocoonmail.watch.doctor.storage import data_folder

FLOOR, FLOOR_SHARE = 500 * MIB, 0.05  # Bytes, and share of the disk, below which it is a problem
LOW, LOW_SHARE = 2048 * MIB, 0.10
LOG_LARGE = 512 * MIB  # Bytes of SQLite's log: checkpoints do not get through


def space() -> Iterator[Finding]:
    """This machine's disk, the database and the files that this process may open."""
    yield from files(connections_possible(Limits()), resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    usage = shutil.disk_usage(data_folder())
    yield from disk(data_folder(), usage.free, usage.total)
    if connection.vendor == "sqlite":
        file = Path(connection.settings_dict["NAME"])
        if file.parent.resolve() != data_folder().resolve():
            usage = shutil.disk_usage(file.parent)
            yield from disk(file.parent, usage.free, usage.total)
        yield from database(_size(file), _size(file.with_name(f"{file.name}-wal")))
    else:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            yield from database(int(cursor.fetchone()[0]))


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def disk(folder: Path, free: int, total: int) -> Iterator[Finding]:
    """Bytes that are free, of how many."""
    words = f"{amount(free)} of {amount(total)} are free where {folder} is."
    remedy = "Make room, or move the data folder to a larger disk."
    if free < FLOOR or free < total * FLOOR_SHARE:
        yield problem("disk", f"{words} Without room no webhook can be stored.", remedy)
    elif free < LOW or free < total * LOW_SHARE:
        yield warning("disk", words, remedy)
    else:
        yield ok("disk", words)


def database(size: int, log: int = 0) -> Iterator[Finding]:
    """Bytes of the database and of SQLite's log beside it."""
    if log > LOG_LARGE:
        yield warning(
            "disk",
            f"The database has {amount(size)}, and its log {amount(log)}: something keeps it from shrinking.",
            "Look for a program that holds the database open, such as a backup or sqlite3, and end it.",
        )
    else:
        yield ok("disk", f"The database has {amount(size)}{f', its log {amount(log)}' if log else ''}.")


def files(possible: int, hard: int) -> Iterator[Finding]:
    """Connections that a process with this limit of open files can have."""
    wanted = Limits().connections
    if possible < wanted:
        words = (
            f"The web process can hold {possible:,} connections at once, not {wanted:,}: it may open {hard:,} files."
        )
        yield warning("files", words, "Raise the limit of open files (LimitNOFILE= in systemd, ulimit -Hn elsewhere).")
    else:
        yield ok("files", f"The web process can hold {possible:,} connections at once.")
