"""What a person decides about a message that stands still."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from cocoonmail.emails.again import all_arrived, arrived, release, release_all
from cocoonmail.emails.models import EmailVersion, Message, Status
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.steps import SendEmail, read_steps
from cocoonmail.web.messages.finding import Trail, message_of, trail_of
from cocoonmail.web.messages.listing import ID_DIGITS, filtered
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import PAGE

STANDING = (Status.HELD, Status.FAILED, Status.UNKNOWN)
MOVED_ON = "Somebody was faster: the message does not stand still any more."
NOTHING_CHOSEN = "Nothing was decided: tick some messages, or all of them."
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
def send_many_again(request: MemberRequest) -> HttpResponse:
    """Queue anew the unknown messages that were chosen, all of them at once."""
    chosen = _chosen(request)
    if chosen is None:
        return _decided(request, NOTHING_CHOSEN)
    many = release_all(chosen, database_now())
    return _decided(request, f"{_counted(many)} on the way again." if many else MOVED_ON, done=many > 0)


@page
@require_POST
def many_arrived(request: MemberRequest) -> HttpResponse:
    """Settle the unknown messages that were chosen: they arrived, and nothing is sent."""
    chosen = _chosen(request)
    if chosen is None:
        return _decided(request, NOTHING_CHOSEN)
    many = all_arrived(chosen, database_now())
    return _decided(request, f"Noted: {_counted(many)} counted as sent." if many else MOVED_ON, done=many > 0)


def _chosen(request: MemberRequest) -> QuerySet[Message] | None:
    """The messages that were ticked, or all that the form's filters ask for; None where neither was chosen."""
    mine = Message.objects.filter(workspace=request.workspace)
    if request.POST.get("all") == "yes":
        return filtered(mine, request.POST)
    texts = request.POST.getlist("pk")
    ticked = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) <= ID_DIGITS]
    return mine.filter(pk__in=ticked[:PAGE]) if ticked else None


def _counted(many: int) -> str:
    return "1 message is" if many == 1 else f"{many:,} messages are"


def _decided(request: MemberRequest, words: str, *, done: bool = False) -> HttpResponse:
    messages.add_message(request, messages.SUCCESS if done else messages.WARNING, words)
    return redirect(f"{reverse('messages')}?status={Status.UNKNOWN.value}")


@page
@require_POST
def it_arrived(request: MemberRequest, pk: int) -> HttpResponse:
    """Settle an unknown message: it arrived, and nothing is sent."""
    if arrived(message_of(request, pk), database_now()):
        messages.success(request, "Noted. It counts as sent now.")
    else:
        messages.warning(request, MOVED_ON)
    return redirect("message", pk)
