"""Whether what was acknowledged survives a power cut: the database's settings, and what its files lie on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from django.conf import settings
from django.db import connection

from cocoonmail.watch.doctor.finding import Finding, ok, problem, warning

MOUNTS = Path("/proc/self/mounts")
NETWORK = {
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "9p",
    "afs",
    "ceph",
    "glusterfs",
    "lustre",
    "fuse.sshfs",
    "fuse.s3fs",
}
PASSING = {"tmpfs", "ramfs", "overlay", "aufs"}
CONNECTIONS_LEFT = 10  # Of PostgreSQL's, below which the next process may find none

POWER = "a power cut or a crash can lose webhooks that were answered 200"


def storage() -> Iterator[Finding]:
    """The database at hand."""
    if connection.vendor == "sqlite":
        file = Path(connection.settings_dict["NAME"])
        yield from sqlite(_value("PRAGMA journal_mode"), int(_value("PRAGMA synchronous")))
        yield from file_system(file.parent, kind_of(file.parent.resolve(), _mounts()))
    else:
        names = ("fsync", "synchronous_commit", "full_page_writes")
        yield from postgres({name: _value(f"SELECT current_setting('{name}')") for name in names})
        yield from standing(_value("SELECT pg_is_in_recovery()") == "True")
        used = int(_value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
        yield from connections(used, int(_value("SELECT current_setting('max_connections')")))


def _value(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return str(cursor.fetchone()[0])


def sqlite(journal: str, synchronous: int) -> Iterator[Finding]:
    """`synchronous` as SQLite numbers it: 2 is FULL, 3 EXTRA."""
    if journal != "wal":
        yield problem(
            "storage",
            f"SQLite's journal mode is {journal}, not WAL: readers and writers wait for each other.",
            "Move the database to a local disk, where WAL works, and start again.",
        )
    if synchronous < 2:
        yield problem("storage", f"SQLite's synchronous is below FULL: {POWER}.", "Do not lower it in the settings.")
    if journal == "wal" and synchronous >= 2:
        yield ok("storage", "SQLite waits for the disk at each commit (WAL, synchronous=FULL).")


def file_system(folder: Path, kind: str) -> Iterator[Finding]:
    """What the database's folder lies on; "" where that is not known."""
    if kind in NETWORK:
        yield problem(
            "storage",
            f"The database lies on a network file system ({kind}), whose locks and writes SQLite cannot rely on.",
            "Move the data folder to a local disk, or use PostgreSQL.",
        )
    elif kind in PASSING:
        yield warning(
            "storage",
            f"{folder} lies on {kind}, which ends with its container or machine.",
            "Keep the data folder on a volume that stays.",
        )
    elif kind:
        yield ok("storage", f"The database lies on a local file system ({kind}).")


def postgres(values: Mapping[str, str]) -> Iterator[Finding]:
    """PostgreSQL's settings, as a session of ours has them."""
    bad = [name for name in ("fsync", "full_page_writes") if values[name] != "on"]
    if values["synchronous_commit"] == "off":
        bad.append("synchronous_commit")
    for name in bad:
        yield problem(
            "storage",
            f"PostgreSQL's {name} is {values[name]}: {POWER}.",
            f"Set {name} = on in postgresql.conf, and for our role and database (\\drds lists what differs there).",
        )
    if not bad:
        yield ok("storage", "PostgreSQL waits for the disk at each commit.")


def standing(in_recovery: bool) -> Iterator[Finding]:
    """A standby cannot be written to."""
    if in_recovery:
        yield problem("storage", "This PostgreSQL is a standby.", "Let DATABASE_URL name the primary server.")


def connections(used: int, most: int) -> Iterator[Finding]:
    """How many connections the server has left."""
    words = f"{used} of PostgreSQL's {most} connections are in use."
    if most - used < CONNECTIONS_LEFT:
        yield warning("connections", words, "Raise max_connections, or run fewer processes.")
    else:
        yield ok("connections", words)


def kind_of(folder: Path, mounts: str) -> str:
    """The type of the file system that a folder lies on, by the longest mount point above it; "" if not known."""
    found = {
        fields[1].replace("\\040", " "): fields[2] for line in mounts.splitlines() if len(fields := line.split()) > 2
    }
    above = [str(path) for path in (folder, *folder.parents)]
    return next((found[path] for path in above if path in found), "")


def _mounts() -> str:
    return MOUNTS.read_text() if MOUNTS.exists() else ""


def data_folder() -> Path:
    """Where the installation's files are."""
    folder: Path = settings.DATA
    return folder
