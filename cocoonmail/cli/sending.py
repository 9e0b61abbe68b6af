"""The commands about sending that is paused: see what would be sent, start it, or send none of it."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from cocoonmail.cli.app import Data, app, enter, fail


@app.command("resume-sending")
def resume_sending(data: Data = None) -> None:
    """Let mail leave again where sending was paused, as in a restored copy."""
    enter(data)
    from cocoonmail.accounts.epoch import Gone, resume

    for line in _waits():
        typer.echo(line)
    try:
        typer.echo("Sending starts." if resume() else "Sending was not paused.")
    except Gone as gone:
        raise fail(str(gone)) from gone


@app.command("cancel-sending")
def cancel_sending(data: Data = None) -> None:
    """Send none of the messages that wait while sending is paused. Sending stays paused."""
    enter(data)
    from cocoonmail.emails.models import Message
    from cocoonmail.trace.waiting import discard

    lines = list(_waits())
    if not lines:
        raise fail("Sending is not paused: what waits is being sent. Pause a loop to stop it.")
    typer.echo("\n".join(lines))
    typer.echo(f"Discarded: {discard(Message.objects.all()):,}. Start sending with: bin/cocoonmail resume-sending")


def _waits() -> Iterator[str]:
    """Why it is paused and what waits."""
    from cocoonmail.accounts.epoch import look, paused
    from cocoonmail.emails.models import Message
    from cocoonmail.trace.waiting import waiting

    look()
    if (row := paused()) is None:
        return
    yield f"Sending is paused: {row.pause_reason or f'it was moved to {row.moved_to}'}."
    found = waiting(Message.objects.all())
    oldest = f", the oldest made {found.oldest:%Y-%m-%d %H:%M} UTC" if found.oldest else ""
    yield f"Messages that wait: {found.count:,}{oldest}"
    yield from (f"  {many:,} of “{name}”" for name, many in found.loops)
