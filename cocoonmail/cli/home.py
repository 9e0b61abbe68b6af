"""Where the installation is that a command is about, and whether there is one: asked before anything is made."""

from __future__ import annotations

import os
from pathlib import Path

DATABASE = "cocoonmail.sqlite3"  # In the data folder, where DATABASE_URL names no other
REMEDY = "bin/up, or bin/cocoonmail migrate, makes a new installation."


def data_folder(data: Path | None) -> Path:
    """The folder that the option names, else the environment, else ./data."""
    return Path(data or os.environ.get("COCOONMAIL_DATA", "data")).resolve()


def nothing_there(data: Path | None) -> str:
    """Why there is no installation to look at, and what to do, in one line; "" where there is one.

    A database on a server needs no folder here where the secret key comes from the environment.
    """
    folder, url = data_folder(data), os.environ.get("DATABASE_URL", "")
    if not folder.is_dir() and not os.environ.get("COCOONMAIL_SECRET_KEY"):
        return _not_in(folder, "there is no such folder")
    if is_on_a_server() or (file_of(url) if url else folder / DATABASE).exists():
        return ""
    if url:
        return f"There is no database at {file_of(url)}. Is DATABASE_URL right? {REMEDY}"
    return _not_in(folder, f"it holds no {DATABASE}")


def _not_in(folder: Path, why: str) -> str:
    return f"No installation is in {folder}: {why}. Is it the right data folder (--data, COCOONMAIL_DATA)? {REMEDY}"


def is_on_a_server() -> bool:
    """Whether DATABASE_URL names PostgreSQL, for which any machine may have a data folder of its own."""
    url = os.environ.get("DATABASE_URL", "")
    return bool(url) and not url.startswith("sqlite:")


def file_of(url: str) -> Path:
    """The file that sqlite:///… names."""
    return Path(url.removeprefix("sqlite:///")).resolve()
