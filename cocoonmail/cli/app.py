"""The commands, each a few lines: options in, one function called, words out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Self-hosted email for companies that sell software: a webhook comes in, the right email goes out, once.",
)

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="The data folder (default: $COCOONMAIL_DATA or ./data).")
]


def main() -> None:
    """Run the command line."""
    app()


def enter(data: Path | None) -> None:
    """Choose the installation and start Django; before this nothing may import models."""
    if data is not None:
        os.environ["COCOONMAIL_DATA"] = str(data)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cocoonmail.settings")
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as error:
        raise fail(str(error)) from error
    except OSError as error:
        raise fail(f"The data folder {os.environ.get('COCOONMAIL_DATA', './data')} cannot be used: {error}") from error


def fail(message: str) -> typer.Exit:
    """Say what is wrong on stderr; raise what this returns."""
    typer.secho(message, err=True, fg=typer.colors.RED)
    return typer.Exit(1)


@app.command()
def up(
    data: Data = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8000,
) -> None:
    """Start everything: migrate, then web and worker, restarted when they die. Ctrl-C or SIGTERM stops both."""
    from cocoonmail.cli import serving

    serving.listen_on(host, port, data)
    if trouble := serving.cannot_listen(host, port):
        raise fail(trouble)
    enter(data)
    raise typer.Exit(serving.up(host, port))


@app.command()
def web(
    data: Data = None,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8000,
) -> None:
    """Run the web process alone: pages, and the door that webhooks come in by."""
    from cocoonmail.cli import serving

    serving.listen_on(host, port, data)
    if trouble := serving.cannot_listen(host, port):
        raise fail(trouble)
    enter(data)
    serving.web(host, port)


@app.command()
def work(data: Data = None) -> None:
    """Run the worker process alone: reads webhooks, advances loops, sends email."""
    from cocoonmail.cli import serving

    enter(data)
    serving.work()


@app.command()
def migrate(data: Data = None) -> None:
    """Bring the database up to this version; `up` does it by itself."""
    enter(data)
    from cocoonmail.cli import serving

    serving.migrate()


@app.command("owner-link")
def owner_link(data: Data = None) -> None:
    """Print a new one-time link that makes its bearer an owner, for whoever lost theirs."""
    enter(data)
    from cocoonmail.cli import serving

    typer.echo(serving.new_owner_link())


@app.command()
def status(
    data: Data = None, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False
) -> None:
    """Count what is stored, by state, and what is still to be done."""
    enter(data)
    from cocoonmail.trace.status import status as count

    counts = count()
    typer.echo(json.dumps(counts) if as_json else "\n".join(f"{name}: {value}" for name, value in counts.items()))


@app.command()
def trigger(  # noqa: PLR0917 - typer hands options in by name
    event_type: Annotated[str, typer.Argument(metavar="TYPE", help="For example invoice.paid.")],
    email: Annotated[str, typer.Option(help="Whose event it is; your own address is a good choice.")],
    name: Annotated[str, typer.Option(help="The person's name.")] = "Ada Lovelace",
    endpoint: Annotated[str, typer.Option(help="The endpoint's name, where there are several.")] = "",
    live: Annotated[bool, typer.Option("--live", help="Send it as if from live mode.")] = False,
    make_secret: Annotated[bool, typer.Option("--make-secret", help="Make a signing secret if there is none.")] = False,
    data: Data = None,
) -> None:
    """Send a signed sample event through the real door, and tell what came of it."""
    enter(data)
    from cocoonmail.cli.trigger import trigger as send

    for line in send(event_type, email, name, endpoint, live=live, make_secret=make_secret):
        typer.echo(line)
