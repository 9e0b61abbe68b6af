"""What a person decides about a message that stands still."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from cocoonmail.emails.again import all_arrived, arrived, release, release_all
from cocoonmail.emails.models import EmailVersion, Message, Status
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Loop
from cocoonmail.loops.steps import SendEmail, read_steps
from cocoonmail.web.messages.finding import message_of, trail_of
from cocoonmail.web.messages.listing import ID_DIGITS, filtered
from cocoonmail.web.shared.access import page
from cocoonmail.web.shared.counting import count_of, in_words
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import PAGE

NEVER_LEFT = (Status.HELD, Status.FAILED)
STANDING = (*NEVER_LEFT, Status.UNKNOWN)
AT_ONCE = 1000  # Messages that are written anew at one click, which takes a second
TOGETHER = 100  # Of them in one transaction, so that others need not wait
MOVED_ON = "Somebody was faster: the message does not stand still any more."
NOTHING_CHOSEN = "Nothing was decided: tick some messages, or all of them."
NOBODY = "The contact was deleted: there is nobody to send it to."


def may_send_again(message: Message) -> bool:
    """Whether a person can send it again: it stands still, and there is still somebody to send it to."""
    return message.status in STANDING and message.contact is not None


def newer_version(message: Message, loop: Loop | None) -> EmailVersion | None:
    """What its loop sends today in this message's place, if that is another text and this one never left."""
    if message.status not in NEVER_LEFT or loop is None or loop.published is None:
        return None
    steps = [step for step in read_steps(loop.published.steps) if step.id == message.step]
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
    elif release(row, database_now(), newer_version(row, trail_of(row).loop)):
        messages.success(request, "It is on its way again.")
    else:
        messages.warning(request, MOVED_ON)
    return redirect("message", pk)


@page
@require_POST
def send_many_again(request: MemberRequest) -> HttpResponse:
    """Queue anew the messages that were chosen and stand still: unknown ones all at once, others so many at a time."""
    chosen = _chosen(request)
    if chosen is None:
        return _decided(request, NOTHING_CHOSEN)
    many = release_all(chosen, database_now()) + _let_go(chosen)
    left = count_of(chosen.filter(status__in=NEVER_LEFT, contact__isnull=False))
    more = f" {in_words(left)} are left: send again to go on." if left else ""
    return _decided(request, f"{_counted(many)} on the way again.{more}" if many else MOVED_ON, done=many > 0)


def _let_go(chosen: QuerySet[Message]) -> int:
    """Queue anew the oldest that never left, each with today's facts and its loop's text of today. Returns how many."""
    rows = chosen.filter(status__in=NEVER_LEFT, contact__isnull=False).order_by("pk")
    found = list(rows.select_related("contact", "workspace")[:AT_ONCE])
    loops = Loop.objects.select_related("published").in_bulk({row.loop_id for row in found if row.loop_id})
    versions: dict[tuple[int | None, str, int], EmailVersion | None] = {}
    now, many = database_now(), 0
    for begin in range(0, len(found), TOGETHER):
        with transaction.atomic():
            for row in found[begin : begin + TOGETHER]:
                key = (row.loop_id, row.step, row.version_id)
                if key not in versions:
                    versions[key] = newer_version(row, loops.get(row.loop_id or 0))
                many += release(row, now, versions[key])
    return many


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
    asked = request.POST.get("status", "")
    return redirect(f"{reverse('messages')}?status={asked if asked in STANDING else Status.UNKNOWN.value}")


@page
@require_POST
def it_arrived(request: MemberRequest, pk: int) -> HttpResponse:
    """Settle an unknown message: it arrived, and nothing is sent."""
    if arrived(message_of(request, pk), database_now()):
        messages.success(request, "Noted. It counts as sent now.")
    else:
        messages.warning(request, MOVED_ON)
    return redirect("message", pk)
