"""Restore a backup: all of it or nothing, never over anything unasked, and with sending paused."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader

from cocoonmail.kit.clock import database_now
from cocoonmail.kit.epochfile import EpochFile, Mark
from cocoonmail.kit.presence import alone
from cocoonmail.kit.private import make_folder
from cocoonmail.vault import archive
from cocoonmail.vault.archive import BadArchive, Manifest
from cocoonmail.vault.backup import back_up, counts, fingerprints, migrate_file
from cocoonmail.vault.copying import (
    CannotCopy,
    Say,
    begin,
    begin_generation,
    copy,
    finish,
    going_on,
    in_use,
    migrations,
)
from cocoonmail.vault.migrate import make_ready
from cocoonmail.vault.sides import Side, SqliteSide, open_side

UNPACKED = ".restoring.sqlite3"  # In the data folder, while a restore is under way
LOG_FILES = ("-wal", "-shm")  # What SQLite keeps beside a database


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done. `kept` is where what was there before lies, if there was anything."""

    rows: int
    kept: Path | None
    key_fits: bool


def restore(path: Path, manifest: Manifest, *, replace: bool, say: Say) -> Restored:
    """Put the backup into this installation, which must be empty unless it is to be replaced, and stopped.

    Raises BadArchive, CannotCopy, kit.presence.InUse, OSError. What was there before is then still there; on
    PostgreSQL the same command goes on where it was.
    """
    with alone(settings.DATA), _unpacked(path, manifest, replace=replace, say=say) as database:
        if connection.vendor == "sqlite":
            kept = _place(database, manifest)
        else:
            kept = _fill(database, manifest, replace=replace, say=say)
    return Restored(sum(manifest.counts.values()), kept, bool(set(fingerprints()) & set(manifest.key_fingerprints)))


@contextmanager
def _unpacked(path: Path, manifest: Manifest, *, replace: bool, say: Say) -> Iterator[Path]:
    """The backup's database as a file of this version, and known to be what was backed up."""
    if not replace and _target_in_use(manifest):
        raise CannotCopy("There is an installation here already. --replace takes its place, and keeps a copy of it.")
    database = settings.DATA / UNPACKED
    try:
        archive.unpack(path, manifest, database)
        _check(database, manifest)
        if manifest.migrations != _known_migrations():
            say("The backup is of an older version: bringing it up to this one …")
            migrate_file(database)
        yield database
    finally:
        for left in database.parent.glob(f"{database.name}*"):
            left.unlink(missing_ok=True)


def _target_in_use(manifest: Manifest) -> bool:
    """Whether there is anything that a restore would destroy. What is half restored from the same file is not."""
    if connection.vendor == "sqlite" and not _file().exists():
        return False
    target = open_side(_url())
    try:
        return in_use(target) and not going_on(target, manifest.sha256)
    except sqlite3.DatabaseError:
        return True  # Broken it may be, but it is somebody's.
    finally:
        target.close()


def _check(database: Path, manifest: Manifest) -> None:
    side = SqliteSide(database)
    try:
        if not side.sound() or counts(side) != manifest.counts:
            raise BadArchive("The backup's database is damaged: it does not hold what the manifest says.")
        if unknown := migrations(side) - set(_known_migrations()):
            app, name = min(unknown)
            raise BadArchive(f"The backup is of a newer version than this one ({app} {name}). Update Cocoonmail first.")
    finally:
        side.close()


def _known_migrations() -> list[tuple[str, str]]:
    disk = MigrationLoader(None).disk_migrations
    return sorted((str(app), str(name)) for app, name in disk or ())


def _place(database: Path, manifest: Manifest) -> Path | None:
    """SQLite: the file takes its place in one step; what was used there gets another name first."""
    side = SqliteSide(database)
    try:
        begin_generation(side, _reason(manifest), after=_remembered())
        _remember(side)
        side.ask("PRAGMA journal_mode=DELETE")
    finally:
        side.close()
    used = _target_in_use(manifest)
    connections.close_all()
    place = _file()
    make_folder(place.parent)
    kept = _set_aside(place, keep=used) if place.exists() else None
    os.replace(database, place)
    archive.sync_folder(place.parent)
    return kept


def _remembered() -> int:
    """The generation that the data folder knows, 0 for none."""
    try:
        known = EpochFile(settings.DATA).read()
    except ValueError:
        return 0
    return known.mark.generation if known else 0


def _remember(side: Side) -> None:
    """The data folder belongs to this database from now on."""
    ((uuid, generation),) = side.ask("SELECT uuid, generation FROM accounts_installation")
    EpochFile(settings.DATA).write(str(uuid), Mark(int(generation or 0), 0))


def _set_aside(place: Path, *, keep: bool) -> Path | None:
    """Make of the database that lies there one file, and give it a second name; of a broken one, keep all files."""
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(place)) as old:
        old.execute("PRAGMA journal_mode=DELETE")
    kept = place.with_name(f"{place.name}.before-restore-{database_now():%Y%m%d-%H%M%S}")
    if keep:
        os.link(place, kept)
    for left, name in zip(_beside(place), _beside(kept), strict=True):
        if left.exists():
            left.rename(name)
    return kept if keep else None


def _fill(database: Path, manifest: Manifest, *, replace: bool, say: Say) -> Path | None:
    """PostgreSQL: the rows are copied; while that is not done, nothing starts on this database."""
    target = open_side(_url())
    source = SqliteSide(database)
    try:
        going = going_on(target, manifest.sha256)
        if not going and target.others():
            raise CannotCopy(f"Somebody is connected to {target.name}. Stop Cocoonmail on all machines first.")
        make_ready()
        kept = _backed_up(say) if in_use(target) and not going else None
        connections.close_all()
        if not begin(source, target, manifest.sha256, replace=replace):
            say("Going on where it was interrupted …")
        copy(source, target, say)
        finish(source, target, pause=_reason(manifest))
        _remember(target)
        return kept
    finally:
        source.close()
        target.close()


def _backed_up(say: Say) -> Path:
    kept: Path = settings.DATA / f"before-restore-{database_now():%Y%m%d-%H%M%S}.tar.gz"
    say(f"Keeping what is there in {kept} …")
    back_up(kept, with_key=False, say=lambda _: None)
    return kept


def _reason(manifest: Manifest) -> str:
    return f"the database was restored from a backup of {manifest.made_at}"


def _url() -> str:
    return os.environ.get("DATABASE_URL") or f"sqlite:///{_file()}"


def _file() -> Path:
    return Path(connection.settings_dict["NAME"])


def _beside(database: Path) -> Iterator[Path]:
    return (Path(f"{database}{name}") for name in LOG_FILES)
