"""The command that moves an installation to another database."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from cocoonmail.cli.app import Data, app, enter, fail
from cocoonmail.cli.home import DATABASE, file_of


@app.command()
def move(
    source: Annotated[str, typer.Argument(help="Where it is: sqlite:////path/data/cocoonmail.sqlite3 or postgres://…")],
    target: Annotated[str, typer.Argument(help="Where it is to be: an empty database, by its URL.")] = "",
    data: Data = None,
    undo: Annotated[bool, typer.Option("--undo", help="Stay at SOURCE after all, with sending paused.")] = False,
) -> None:
    """Move everything to another database. Stop Cocoonmail first. After a crash give the same command: it goes on."""
    if bool(target) == undo:
        raise fail("Give SOURCE and TARGET, or SOURCE and --undo.")
    if trouble := _no_source(source, data):
        raise fail(f"Not moved: {trouble}")
    os.environ["DATABASE_URL"] = target or source
    enter(data or _beside(source) or _beside(target), may_be_new=True)
    import psycopg

    from cocoonmail.kit.presence import InUse
    from cocoonmail.vault import moving
    from cocoonmail.vault.copying import CannotCopy

    try:
        if undo:
            typer.echo("Undone; sending is paused." if moving.undo(source) else "It was not moved.")
            return
        rows = moving.move(source, target, typer.echo)
    except (CannotCopy, InUse, OSError, ValueError, sqlite3.Error, psycopg.Error) as error:
        raise fail(f"Not moved: {error}") from error
    typer.echo(f"Moved: {rows:,} rows, compared one by one. Set DATABASE_URL to the new database and start there.")
    typer.echo(
        "The secret key has to come along. Nothing starts on the old database any more; delete it when you like."
    )


def _beside(url: str) -> Path | None:
    """The data folder that a SQLite file lies in."""
    return file_of(url).parent if url.startswith("sqlite:///") else None


def _no_source(source: str, data: Path | None) -> str:
    """What is missing before anything may be made, "" when all is there."""
    if source.startswith("sqlite:") and not file_of(source).exists():
        return (
            f"There is no database at {file_of(source)}. Is SOURCE right? It looks like sqlite:////path/data/{DATABASE}"
        )
    if data and not data.is_dir():
        return f"There is no folder {data}. --data is the data folder of what is moved, with its secret key."
    return ""
