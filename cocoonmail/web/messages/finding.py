"""Find what a URL names, within the reader's own workspace, and what it came from."""

from __future__ import annotations

from dataclasses import dataclass

from django.shortcuts import get_object_or_404

from cocoonmail.contacts.models import Event
from cocoonmail.emails.models import Message
from cocoonmail.intake.models import Delivery
from cocoonmail.loops.models import Loop, Run
from cocoonmail.web.shared.middleware import MemberRequest


def message_of(request: MemberRequest, pk: int) -> Message:
    """One message with its contact, version and workspace. Raises Http404."""
    mine = Message.objects.filter(workspace=request.workspace)
    return get_object_or_404(mine.select_related("contact", "version", "workspace"), pk=pk)


@dataclass(frozen=True, slots=True)
class Trail:
    """Where a message came from, as far as it is still there: None for what is not."""

    loop: Loop | None
    run: Run | None
    event: Event | None
    delivery: Delivery | None


def trail_of(message: Message) -> Trail:
    """Back from a message to the bytes of the webhook that began it."""
    here = {"workspace_id": message.workspace_id}
    loop = Loop.objects.filter(pk=message.loop_id, **here).first() if message.loop_id else None
    run = None
    if message.run_id:
        run = Run.objects.filter(pk=message.run_id, **here).select_related("event__name", "version").first()
    event = run.event if run else None
    delivery = None
    if event and event.delivery_id:
        found = Delivery.objects.filter(pk=event.delivery_id, **here)
        delivery = found.select_related("endpoint").defer("body", "headers").first()
    return Trail(loop, run, event, delivery)
