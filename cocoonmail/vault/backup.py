"""Back an installation up into one file, while it runs: what was acknowledged before is in it (promise D3)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

import dj_database_url
from django.conf import settings
from django.db import connection

from cocoonmail.kit.clock import database_now
from cocoonmail.kit.secrets import signature
from cocoonmail.vault import archive
from cocoonmail.vault.archive import Manifest
from cocoonmail.vault.copying import PROGRESS, CannotCopy, Say, begin, copy, finish, migrations
from cocoonmail.vault.sides import PostgresSide, Side, SqliteSide
from cocoonmail.vault.tables import tables

CHANGELOG = Path(__file__).resolve().parents[2] / "CHANGELOG.md"


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What was made."""

    manifest: Manifest
    size: int


def back_up(path: Path, *, with_key: bool, say: Say, nicer: int = 0) -> BackedUp:
    """Write the backup. Raises FileExistsError, OSError where the disk is full, CannotCopy.

    Whatever goes wrong, no file of this name is left. From the first row on this process is nicer to others by so much.
    """
    if PROGRESS in connection.introspection.table_names():
        raise CannotCopy("This database is half filled: finish the restore or move that was begun.")
    at = database_now()
    made_at = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    with archive.drafts(path) as (draft, database):
        if connection.vendor != "sqlite":
            migrate_file(database)
        os.nice(nicer)
        if connection.vendor == "sqlite":
            archive.copy_of(Path(connection.settings_dict["NAME"]), database)
        else:
            _from_postgres(database, say)
        manifest = _described(database, made_at, with_key=with_key)
        key = "\n".join(settings.SECRET_KEYS) + "\n" if with_key else ""
        archive.pack(draft, path, manifest, database, key, at=at)
    return BackedUp(manifest, path.stat().st_size)


def _from_postgres(database: Path, say: Say) -> None:
    """All rows of one moment, into an empty SQLite file: one transaction, which keeps nobody waiting."""
    source = PostgresSide(dj_database_url.parse(os.environ["DATABASE_URL"]), snapshot=True)
    target = SqliteSide(database, careless=True)
    try:
        begin(source, target, "backup")
        copy(source, target, say)
        finish(source, target)
        target.ask("PRAGMA journal_mode=DELETE")
    finally:
        target.close()
        source.close()


def migrate_file(database: Path) -> None:
    """Bring a SQLite file up to this version, in a process of its own: this one is at home in another database."""
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{database}", "COCOONMAIL_DATA": str(settings.DATA)}
    done = subprocess.run(
        [sys.executable, "-m", "cocoonmail", "migrate"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotCopy(f"{database} cannot be brought up to this version: {done.stderr.strip()[-500:]}")


def _described(database: Path, made_at: str, *, with_key: bool) -> Manifest:
    """The manifest of a copy, once it is known to be whole."""
    side = SqliteSide(database)
    try:
        if not side.sound():
            raise CannotCopy("The copy is not whole: PRAGMA integrity_check complains. Is the disk well?")
        installation = side.ask("SELECT uuid, generation FROM accounts_installation") or [("", 0)]
        return Manifest(
            format=archive.FORMAT,
            version=version(),
            made_at=made_at,
            from_database=connection.vendor,
            installation=str(installation[0][0]),
            generation=int(installation[0][1] or 0),
            migrations=sorted(migrations(side)),
            counts=counts(side),
            sha256=archive.sha256(database),
            key_fingerprints=fingerprints(),
            with_key=with_key,
        )
    finally:
        side.close()


def counts(side: Side) -> dict[str, int]:
    """How many rows each table has."""
    return {
        table.name: int(side.ask(f'SELECT count(*) FROM "{table.name}"')[0][0] or 0)
        for table in tables()
        if table.name in side.table_names()
    }


def fingerprints() -> list[str]:
    """What tells whether another installation has the same keys, and does not give them away."""
    return [signature("backup:key", "fingerprint", key) for key in settings.SECRET_KEYS]


def version() -> str:
    """This version: as it was installed, else as the checkout's CHANGELOG says."""
    try:
        return installed_version("cocoonmail")
    except PackageNotFoundError:
        found = re.search(r"^## (\d+\.\d+\.\d+)", CHANGELOG.read_text(), re.MULTILINE) if CHANGELOG.exists() else None
        return found[1] if found else ""
