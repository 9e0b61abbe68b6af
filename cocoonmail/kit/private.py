"""Files and folders that nobody but their owner reads, whatever umask the operator's shell has."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

FOLDER = 0o700


def make_folder(path: Path) -> None:
    """Make a folder where there is none; one that exists keeps its mode, and so do those above it. Raises OSError."""
    path.mkdir(mode=FOLDER, parents=True, exist_ok=True)


def make_file(path: Path) -> None:
    """Make an empty file where there is none; one that exists is not touched. Raises OSError.

    It is linked into place and never opened there: who closes a file of SQLite's lets go of all locks that the process
    has on it (https://sqlite.org/howtocorrupt.html, 2.2).
    """
    if path.exists():
        return
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    try:
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        os.unlink(draft)


def write_text(path: Path, text: str) -> None:
    """Make this the whole text of a file; a file that exists keeps its mode. Raises OSError."""
    make_file(path)
    path.write_text(text, encoding="utf-8")
