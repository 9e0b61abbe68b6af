"""The form of a backup: one .tar.gz with a manifest, the database as a SQLite file and, where asked for, the key."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import os
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

FORMAT = 1  # What `restore` of this version reads; a later form has a higher number
MANIFEST, DATABASE, KEY = "manifest.json", "cocoonmail.sqlite3", "secret.key"
MANIFEST_BYTES_MAX, KEY_BYTES_MAX = 1024 * 1024, 64 * 1024
COMPRESSION = 3  # Of 9; more takes twice as long for a tenth less
CHUNK = 1024 * 1024  # Bytes that are read at once


class BadArchive(ValueError):
    """This is no backup that this version can read."""


class Manifest(msgspec.Struct, frozen=True):
    """What a backup says of itself. `counts` are rows by table, `sha256` that of the database file."""

    format: int
    version: str
    made_at: str
    from_database: str
    installation: str
    generation: int
    migrations: list[tuple[str, str]]
    counts: dict[str, int]
    sha256: str
    key_fingerprints: list[str]
    with_key: bool


@contextmanager
def drafts(path: Path) -> Iterator[tuple[Path, Path]]:
    """Two files beside `path`, for the archive and the database in it, that are gone when the block is left.

    Raises FileExistsError where `path` is there already, or another backup to it is under way.
    """
    if path.exists():
        raise FileExistsError(f"{path} exists already. A backup overwrites nothing.")
    draft, database = path.with_name(f".{path.name}.partial"), path.with_name(f".{path.name}.database")
    with open(os.open(draft, os.O_RDWR | os.O_CREAT, 0o600), "rb+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FileExistsError(f"Another backup to {path} is under way.") from None
        database.unlink(missing_ok=True)
        database.touch(mode=0o600)
        try:
            yield draft, database
        finally:
            for left in (draft, *database.parent.glob(f"{database.name}*")):
                left.unlink(missing_ok=True)


def pack(draft: Path, path: Path, manifest: Manifest, database: Path, key: str, *, at: datetime) -> None:
    """Write the archive, dated `at`, into the draft; once it is on disk it gets its name, which nobody else has."""
    with draft.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION) as tar:
            _add(tar, MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)), at)
            if key:
                _add(tar, KEY, key.encode(), at)
            member = tar.gettarinfo(database, DATABASE)
            member.mtime = int(at.timestamp())
            with database.open("rb") as source:
                tar.addfile(member, source)
        file.flush()
        os.fsync(file.fileno())
    os.link(draft, path)
    sync_folder(path.parent)


def _add(tar: tarfile.TarFile, name: str, content: bytes, at: datetime) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o600, int(at.timestamp())
    tar.addfile(member, io.BytesIO(content))


def read_manifest(path: Path) -> tuple[Manifest, str]:
    """What an archive says of itself, and the key in it, "" for none. Raises BadArchive or OSError."""
    key = ""
    with _opened(path) as tar:
        first = tar.next()
        if first is None or first.name != MANIFEST or first.size > MANIFEST_BYTES_MAX:
            raise BadArchive(f"{path} is no backup of Cocoonmail.")
        try:
            manifest = msgspec.json.decode(_content(tar, first), type=Manifest)
        except msgspec.DecodeError as error:
            raise BadArchive(f"{path}: its manifest cannot be read: {error}") from error
        if manifest.format != FORMAT:
            raise BadArchive(f"{path} was made by Cocoonmail {manifest.version}, which is newer than this one.")
        if manifest.with_key and (second := tar.next()) and second.name == KEY and second.size <= KEY_BYTES_MAX:
            key = _content(tar, second).decode()
    return manifest, key


def unpack(path: Path, manifest: Manifest, database: Path) -> None:
    """Write the archive's database to a new file, on disk when this returns. Raises BadArchive where it was changed."""
    digest = hashlib.sha256()
    with _opened(path) as tar, open(os.open(database, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        member = next((one for one in tar if one.name == DATABASE and one.isreg()), None)
        source = member and tar.extractfile(member)
        while source and (chunk := source.read(CHUNK)):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != manifest.sha256:
        raise BadArchive(f"{path} is damaged: its database is not the one that was backed up.")


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:gz") as tar:
            yield tar
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise BadArchive(f"{path} is damaged, or no backup of Cocoonmail: {error}") from error


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return file.read() if file else b""


def sha256(path: Path) -> str:
    """Of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Let a new name in a folder survive a power cut."""
    with suppress(OSError):  # Some file systems know no such thing.
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def copy_of(source: Path, copy: Path) -> None:
    """A consistent copy of a SQLite database that others go on writing to; it stops none of them."""
    database = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        database.execute("VACUUM INTO ?", (str(copy),))
    finally:
        database.close()
