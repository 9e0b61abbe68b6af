"""The commands, each a few lines: options in, one function called, words out."""

from __future__ import annotations

import json
import os
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from cocoonmail.cli import home

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Self-hosted email for companies that sell software: a webhook comes in, the right email goes out, once.",
)

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="The data folder (default: $COCOONMAIL_DATA or ./data).")
]


UNDEFINED = {"42P01", "42703"}  # PostgreSQL's codes for a table or a column that is not there


class At(Enum):
    """The stages that a worker works at."""

    PROCESS = "process"
    ADVANCE = "advance"
    SEND = "send"


def main() -> None:
    """Run the command line. What the database has against it is told in words."""
    try:
        app()
    except _database_errors() as error:
        fail(_in_words(error))
        raise SystemExit(1) from None


def _database_errors() -> tuple[type[Exception], ...]:
    """None before Django was loaded."""
    if "django.db" not in sys.modules:
        return ()
    from django.db import InterfaceError, OperationalError, ProgrammingError

    return InterfaceError, OperationalError, ProgrammingError


def _in_words(error: Exception) -> str:
    """What to do about an error of the database's. Raises it where that is nobody's but ours."""
    from django.conf import settings
    from django.db import ProgrammingError

    from cocoonmail.kit.connections import Unfit

    words = str(error).strip()
    if isinstance(error, Unfit):
        return words
    if "no such table" in words or "no such column" in words or getattr(error.__cause__, "sqlstate", "") in UNDEFINED:
        return (
            f"The database of {settings.DATA} is not one of this version ({words.splitlines()[0]}).\n"
            "Is this the right data folder (--data, COCOONMAIL_DATA, DATABASE_URL)? bin/up, or bin/cocoonmail migrate, "
            "makes an installation or brings it up to date."
        )
    if isinstance(error, ProgrammingError):
        raise error
    return f"The database does not answer: {words}"


def enter(data: Path | None, *, may_be_new: bool = False) -> None:
    """Choose the installation and start Django; before this nothing may import models.

    Where there is no installation none is begun, not even its folder and key, unless the command may make a new one.
    """
    if not may_be_new and (trouble := home.nothing_there(data)):
        raise fail(trouble)
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
    enter(data, may_be_new=True)
    with serving.at_home():
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
    enter(data, may_be_new=home.is_on_a_server())
    with serving.at_home():
        serving.web(host, port)


@app.command()
def work(
    data: Data = None,
    stages: Annotated[
        list[At] | None,
        typer.Option("--stage", help="Work at this stage alone; may be given several times.", show_default="all"),
    ] = None,
    concurrency: Annotated[
        int, typer.Option(help="Threads that process and advance beside each other.", min=1, max=32)
    ] = 1,
    metrics_host: Annotated[str, typer.Option(help="The address to tell metrics at.")] = "127.0.0.1",
    metrics_port: Annotated[
        int | None, typer.Option(help="The port to tell metrics at; 0 takes a free one.", min=0, max=65535)
    ] = None,
) -> None:
    """Run the worker process alone: reads webhooks, advances loops, sends email."""
    from cocoonmail.cli import serving

    if metrics_port and (trouble := serving.cannot_listen(metrics_host, metrics_port, "--metrics-port")):
        raise fail(trouble)
    enter(data, may_be_new=home.is_on_a_server())
    with serving.at_home():
        serving.work(metrics_host, metrics_port, [stage.value for stage in stages or ()], concurrency)


@app.command()
def migrate(data: Data = None) -> None:
    """Bring the database up to this version; `up` does it by itself."""
    enter(data, may_be_new=True)
    from cocoonmail.vault.migrate import migrate as bring_up

    bring_up()


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
    from cocoonmail.accounts.epoch import why_paused
    from cocoonmail.trace.status import status as count

    counts = count()
    if not as_json and (paused := why_paused()):
        counts["sending"] += f": {paused}"
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
