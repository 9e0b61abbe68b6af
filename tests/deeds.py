"""What happens in tests: contacts come, events happen to them, loops run, without a webhook or a network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.addresses import parse
from cocoonmail.contacts.models import Contact, Event
from cocoonmail.contacts.record import event_names
from cocoonmail.emails.models import Message
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.advance import advance, begin
from cocoonmail.loops.enrol import enrol
from cocoonmail.loops.from_template import create_loop
from cocoonmail.loops.gallery import BY_KEY
from cocoonmail.loops.models import Loop, Run
from cocoonmail.loops.publish import start


def contact(workspace: Workspace, email: str = "ada@example.com", **fields: Any) -> Contact:
    """Somebody in the audience."""
    now = fields.pop("at", None) or database_now()
    known = {"source": "Stripe webhook", "first_name": "Ada", "last_name": "Lovelace", **fields}
    return Contact.objects.create(
        workspace=workspace, email=email, email_key=parse(email).key, created_at=now, updated_at=now, **known
    )


def happens(name: str, to: Contact, at: datetime | None = None, **properties: Any) -> Event:
    """An event, with the runs that it begins, and their first steps."""
    at = at or database_now()
    wanted = (to.workspace_id, name)
    event_name = event_names({wanted}, at)[wanted]
    number = Event.objects.filter(workspace_id=to.workspace_id).count()
    event = Event.objects.create(
        workspace_id=to.workspace_id, name=event_name, contact=to, key=f"{name}:{number}",
        properties=properties, occurred_at=at, recorded_at=at,
    )  # fmt: skip
    begin(enrol([event], at), at)
    return event


def goes_on(now: datetime | None = None) -> Sequence[Message]:
    """Every run that is due goes on. Returns the messages that were made."""
    now = now or database_now() + timedelta(seconds=1)
    return advance(list(Run.objects.filter(state="waiting", due_at__lte=now)), now)


def loop_of(workspace: Workspace, template: str = "stripe-new-customer", *, live: bool = True) -> Loop:
    """A loop of a template, live or a draft."""
    loop = create_loop(workspace, BY_KEY[template], database_now())
    if live:
        assert start(loop, database_now()) == []
    return loop
