"""What a person decides about a message that stands still."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from cocoonmail.emails.again import arrived, release
from cocoonmail.emails.models import EmailVersion, Message, Status
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.steps import SendEmail, read_steps
from cocoonmail.web.messages.finding import Trail, message_of, trail_of
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.middleware import MemberRequest

STANDING = (Status.HELD, Status.FAILED, Status.UNKNOWN)
MOVED_ON = "Somebody was faster: the message does not stand still any more."
NOBODY = "The contact was deleted: there is nobody to send it to."


def may_send_again(message: Message) -> bool:
    """Whether a person can send it again: it stands still, and there is still somebody to send it to."""
    return message.status in STANDING and message.contact is not None


def newer_version(message: Message, trail: Trail) -> EmailVersion | None:
    """What the loop sends today in this message's place, if that is another text and this one never left."""
    if message.status not in (Status.HELD, Status.FAILED) or trail.loop is None or trail.loop.published is None:
        return None
    steps = [step for step in read_steps(trail.loop.published.steps) if step.id == message.step]
    wanted = [step.version for step in steps if isinstance(step, SendEmail) and step.version != message.version_id]
    mine = EmailVersion.objects.filter(workspace_id=message.workspace_id)
    return mine.filter(pk__in=[pk for pk in wanted if pk]).first()


@page
@require_POST
def send_again(request: MemberRequest, pk: int) -> HttpResponse:
    """Queue it anew, due now."""
    row = message_of(request, pk)
    if not may_send_again(row):
        messages.warning(request, MOVED_ON if row.contact else NOBODY)
    elif release(row, database_now(), newer_version(row, trail_of(row))):
        messages.success(request, "It is on its way again.")
    else:
        messages.warning(request, MOVED_ON)
    return redirect("message", pk)


@page
@require_POST
def it_arrived(request: MemberRequest, pk: int) -> HttpResponse:
    """Settle an unknown message: it arrived, and nothing is sent."""
    if arrived(message_of(request, pk), database_now()):
        messages.success(request, "Noted. It counts as sent now.")
    else:
        messages.warning(request, MOVED_ON)
    return redirect("message", pk)
