"""The installation's secret keys: kept in one file of the data folder, made on first use."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cocoonmail.kit.private import make_folder

KEY_BYTES = 48


def read_or_make_keys(path: Path, given: str) -> list[str]:
    """The keys, newest first: those handed in (comma-separated), else those in the file, else one new key.

    The file holds one key a line. It is created with mode 0600, and only once even when web and worker start together.
    """
    if given:
        return [key for key in given.split(",") if key]
    make_folder(path.parent)
    if not path.exists():
        _write_once(path, secrets.token_urlsafe(KEY_BYTES))
    return [line.strip() for line in path.read_text().splitlines() if line.strip()]


def _write_once(path: Path, key: str) -> None:
    """Link a complete file into place; whoever comes second keeps the first one's key."""
    draft = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(key + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
