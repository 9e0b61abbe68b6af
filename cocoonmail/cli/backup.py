"""The command that backs an installation up into one file, while it runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Annotated

import typer

from cocoonmail.cli.app import Data, app, enter, fail

NICER = 5  # So that webhooks come first


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to make, for example cocoonmail.tar.gz.")],
    data: Data = None,
    with_key: Annotated[
        bool, typer.Option("--with-key", help="Put the secret key in: whoever has the file can read every secret.")
    ] = False,
) -> None:
    """Write everything into one file: consistent, checked, and without stopping anything."""
    enter(data)
    from cocoonmail.kit.amounts import amount
    from cocoonmail.vault.backup import back_up
    from cocoonmail.vault.copying import CannotCopy

    try:
        done = back_up(file.absolute(), with_key=with_key, say=typer.echo, nicer=NICER)
    except (CannotCopy, OSError, sqlite3.Error) as error:
        raise fail(f"No backup was made: {error}") from error
    rows = sum(done.manifest.counts.values())
    typer.echo(f"{file}: {rows:,} rows, {amount(done.size)}, as of {done.manifest.made_at}. It is whole.")
    if with_key:
        typer.echo("It holds the secret key: whoever has it can read every secret. Keep it where nobody else comes.")
    else:
        typer.echo(
            "The secret key is NOT in it. Keep secret.key (or COCOONMAIL_SECRET_KEY) in another place:"
            " without it signing secrets and mail passwords cannot be read, and unsubscribe links are void."
        )
