"""The command that answers why somebody did, or did not, get an email."""

from __future__ import annotations

from typing import Annotated

import typer

from cocoonmail.cli.app import Data, app, enter, fail


@app.command()
def why(
    email: Annotated[str, typer.Argument(help="The person's email address.")],
    loop: Annotated[str, typer.Argument(help="Only about this loop, by its name.")] = "",
    workspace: Annotated[str, typer.Option(help="The workspace's name, where there are several.")] = "",
    data: Data = None,
) -> None:
    """Say why this person did, or did not, get which email: one line a decision."""
    enter(data)
    from cocoonmail.accounts.models import Workspace
    from cocoonmail.trace.why import why as explain

    found = Workspace.objects.filter(name=workspace) if workspace else Workspace.objects.all()
    if len(found) != 1:
        names = ", ".join(str(one) for one in Workspace.objects.all())
        raise fail(f"Say which one with --workspace: {names}" if names else "There is no workspace yet.")
    for line in explain(found[0], email, loop or None):
        typer.echo(line)
