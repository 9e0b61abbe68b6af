"""The commands for people: a link for whoever forgot their password."""

from __future__ import annotations

from typing import Annotated

import typer

from cocoonmail.cli.app import Data, app, enter, fail


@app.command("reset-link")
def reset_link(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address that the person signs in with.")],
    data: Data = None,
) -> None:
    """Print a link with which this person chooses a new password: it works once, for an hour."""
    enter(data)
    from cocoonmail.accounts.models import User
    from cocoonmail.web.accounts.reset import reset_link as link

    user = User.objects.filter(email=email.strip().lower(), is_active=True).first()
    if user is None:
        raise fail(f"Nobody signs in here as {email}.")
    typer.echo(link(user))
