"""Send a test event from the command line, and tell what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from cocoonmail.accounts.epoch import why_paused
from cocoonmail.cli.app import fail
from cocoonmail.cli.endpoints import NotOne, endpoint_of
from cocoonmail.intake.models import Delivery, Endpoint
from cocoonmail.intake.rehearse import CannotRehearse, NoSecret, Rehearsed, new_secret, rehearse
from cocoonmail.kit.clock import database_now
from cocoonmail.platforms import PLATFORMS
from cocoonmail.trace.followed import Followed, followed, settled

PATIENCE = 5.0  # Seconds that the worker gets to show what follows
LOOK_EVERY = 0.1  # Seconds


def trigger(
    event_type: str, email: str, name: str, endpoint_name: str, *, live: bool, make_secret: bool
) -> Iterator[str]:
    """Post the sample event; yields what to print, line by line. Raises typer.Exit with what went wrong."""
    try:
        endpoint = _endpoint(event_type, endpoint_name)
        if make_secret and not endpoint.secrets.exists():
            yield f"made a signing secret for “{endpoint.name}”: {new_secret(endpoint).reveal()}"
        done = rehearse(endpoint, event_type, email=email, name=name, now=database_now(), livemode=live)
    except NoSecret as error:
        raise fail(f"{error} Add --make-secret to this command for that.") from error
    except (CannotRehearse, NotOne) as error:
        raise fail(str(error)) from error
    yield f"{done.status} {done.message}"
    if done.delivery is None:
        raise fail("The door refused it.")
    yield from _what_followed(done, done.delivery)
    if paused := why_paused():
        yield f"No email leaves now, for sending is paused: {paused}."


def _endpoint(event_type: str, name: str) -> Endpoint:
    """The endpoint to send to: the one of this name, or the only one that could be meant."""
    reading = [platform for platform in PLATFORMS.values() if event_type in platform.events]
    if not reading:
        known = ", ".join(type_ for platform in PLATFORMS.values() for type_ in platform.events)
        raise CannotRehearse(f"“{event_type}” is no event that Cocoonmail reads. It reads: {known}.")
    return endpoint_of(reading, name)


def _what_followed(done: Rehearsed, delivery: Delivery) -> Iterator[str]:
    so_far = _wait(delivery)
    yield f"{delivery.get_state_display().lower()}: {delivery.result or 'no worker has taken it up yet'}"
    for event in so_far.events:
        yield f"event {event.name} for {event.contact}"
    for run in so_far.runs:
        yield f"loop “{run.loop}”: {run.get_state_display().lower()}{f', {run.reason}' if run.reason else ''}"
    for message in so_far.messages:
        why = f" ({message.reason})" if message.reason else ""
        subject = message.subject or message.version.name
        yield f"message “{subject}” to {message.to_email}: {message.get_status_display().lower()}{why}"


def _wait(delivery: Delivery) -> Followed:
    """What followed, once it stands still or patience ends."""
    until = time.monotonic() + PATIENCE
    while True:
        delivery.refresh_from_db()
        so_far = followed(delivery)
        if settled(delivery, so_far, database_now()) or time.monotonic() > until:
            return so_far
        time.sleep(LOOK_EVERY)
