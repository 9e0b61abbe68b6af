"""The command that puts a backup into an empty installation."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from cocoonmail.cli.app import Data, app, enter, fail
from cocoonmail.kit.private import make_folder


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
    key_file = Path(data or os.environ.get("COCOONMAIL_DATA", "data")).resolve() / "secret.key"
    if key and not key_file.exists() and not os.environ.get("COCOONMAIL_SECRET_KEY"):
        # Before the settings are read, which would make a new one.
        _write_key(key_file, key)
    enter(data)
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
