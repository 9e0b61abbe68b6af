"""The command that puts a backup into an empty installation."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer

from cocoonmail.cli.app import Data, app, enter, fail
from cocoonmail.cli.home import data_folder
from cocoonmail.kit.private import make_folder

MADE = {"secret.key", "running", "migrating"}  # In the data folder, by whatever is done there first


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` made.")],
    data: Data = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of the installation that is there; a copy of it is kept.")
    ] = False,
) -> None:
    """Put a backup into this installation, which must be stopped. It starts with sending paused."""
    from cocoonmail.vault.archive import BadArchive, read_manifest

    try:
        manifest, key = read_manifest(file)
    except (BadArchive, OSError) as error:
        raise fail(f"Nothing was restored: {error}") from error
    key_file = data_folder(data) / "secret.key"
    with _nothing_left_behind(key_file.parent):
        if key and not key_file.exists() and not os.environ.get("COCOONMAIL_SECRET_KEY"):
            # Before the settings are read, which would make a new one.
            _write_key(key_file, key)
        enter(data, may_be_new=True)
        from cocoonmail.kit.presence import InUse
        from cocoonmail.vault.copying import CannotCopy
        from cocoonmail.vault.restore import restore as put_back

        try:
            done = put_back(file, manifest, replace=replace, say=typer.echo)
        except (BadArchive, CannotCopy, InUse, OSError, sqlite3.Error) as error:
            raise fail(f"Nothing was restored: {error}") from error
    typer.echo(f"Restored: {done.rows:,} rows, as of {manifest.made_at}. All of them are what was backed up.")
    if done.kept:
        typer.echo(f"What was there before is kept in {done.kept}")
    if not done.key_fits:
        _tell_of_the_key(key_file, in_the_file=bool(key))
    typer.echo("Sending is paused. Start with bin/up: Home shows what would be sent, and starts it or discards it.")


@contextmanager
def _nothing_left_behind(folder: Path) -> Iterator[None]:
    """Where the block fails, take away what it began with: a key, locks, and the folders that it made for them."""
    before = _names(folder)
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    with ExitStack() as failed:
        failed.callback(_remove, folder, before, missing)
        yield
        failed.pop_all()


def _remove(folder: Path, before: set[str], missing: list[Path]) -> None:
    made = _names(folder) - before
    if made - MADE:
        return  # Something was restored after all, which the key belongs to.
    with suppress(OSError):
        for name in made:
            (folder / name).unlink()
        for path in missing:
            path.rmdir()


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _write_key(path: Path, key: str) -> None:
    make_folder(path.parent)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(key)


def _tell_of_the_key(path: Path, *, in_the_file: bool) -> None:
    where = "It is in the backup: tar -xzOf FILE secret.key" if in_the_file else "The backup does not hold it."
    typer.secho(
        f"The key here is another one than the backup's: its signing secrets and mail passwords cannot be read, and"
        f" webhooks are refused. Add the old key as a line of {path} before you start. {where}",
        err=True,
        fg=typer.colors.RED,
    )
