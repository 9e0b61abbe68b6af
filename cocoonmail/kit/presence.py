"""Who uses a data folder: what serves or works holds its lock together, what changes all of it holds it alone."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cocoonmail.kit.private import make_folder

NAME = "running"  # In the data folder


class InUse(RuntimeError):
    """Something else uses this data folder."""


@contextmanager
def present(folder: Path) -> Iterator[None]:
    """A process that serves or works, until the end of the block. Raises InUse while a restore or move is under way."""
    with _locked(folder, fcntl.LOCK_SH, f"{folder} is being restored or moved. Wait until that has ended."):
        yield


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody serves or works as long as the block lasts. Raises InUse where somebody does."""
    with _locked(folder, fcntl.LOCK_EX, f"Cocoonmail runs in {folder}. Stop it first."):
        yield


@contextmanager
def migrating(folder: Path) -> Iterator[None]:
    """One migrates after the other."""
    with _opened(folder / "migrating") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _locked(folder: Path, how: int, refusal: str) -> Iterator[None]:
    with _opened(folder / NAME) as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse(refusal) from None
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    make_folder(path.parent)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)
