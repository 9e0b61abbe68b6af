"""One message: as its reader sees it, as text, as source, as the conversation with the server; and its trail."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from cocoonmail.accounts.epoch import paused as sending_paused
from cocoonmail.emails.again import RESENT
from cocoonmail.emails.letters import merge, write
from cocoonmail.emails.models import Message, Status
from cocoonmail.emails.render import Held
from cocoonmail.loops.models import LoopState
from cocoonmail.web.messages.decisions import may_send_again, newer_version
from cocoonmail.web.messages.finding import Trail, message_of, trail_of
from cocoonmail.web.messages.known import known
from cocoonmail.web.messages.words import explain
from cocoonmail.web.shared.access import EDITORS, page
from cocoonmail.web.shared.framed import framed
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.templatetags.look import tone

TABS = [("Email", ""), ("Text", "/text"), ("Source", "/source"), ("SMTP conversation", "/conversation")]
# These change by themselves, so the page looks again.
MOVING = (Status.QUEUED, Status.SENDING)
SOURCE_SHOWN_MAX = 256 * 1024  # Bytes of the source on the page; the whole is a click away


@page
@require_safe
def message(request: MemberRequest, pk: int) -> HttpResponse:
    """The message as its reader sees it."""
    row = message_of(request, pk)
    letter = merge(row)
    return _show(request, row, "", {"held": letter.reason} if isinstance(letter, Held) else {"letter": letter})


@page
@require_safe
def text(request: MemberRequest, pk: int) -> HttpResponse:
    """The plain-text alternative."""
    row = message_of(request, pk)
    letter = merge(row)
    values = {"held": letter.reason} if isinstance(letter, Held) else {"letter": letter, "text": letter.text}
    return _show(request, row, "/text", values)


@page
@require_safe
def source(request: MemberRequest, pk: int) -> HttpResponse:
    """The bytes that leave."""
    row = message_of(request, pk)
    letter = write(row)
    if isinstance(letter, Held):
        return _show(request, row, "/source", {"held": letter.reason})
    shown = letter.data[:SOURCE_SHOWN_MAX].decode("utf-8", "replace").replace("\r\n", "\n")
    size = len(letter.data)
    values = {"letter": merge(row), "source": shown, "size": size, "cut": size > SOURCE_SHOWN_MAX}
    return _show(request, row, "/source", values)


@page
@require_safe
def conversation(request: MemberRequest, pk: int) -> HttpResponse:
    """What was said between us and the mail server."""
    row = message_of(request, pk)
    letter = merge(row)
    return _show(request, row, "/conversation", {} if isinstance(letter, Held) else {"letter": letter})


@page
@require_safe
def rendered(request: MemberRequest, pk: int) -> HttpResponse:
    """The HTML alone, for the page's frame."""
    letter = merge(message_of(request, pk))
    if isinstance(letter, Held):
        values = {"title": "There is nothing to show yet", "words": letter.reason}
        return framed(render_to_string("unshown.html", values))
    return framed(letter.html)


@page
@require_safe
def raw(request: MemberRequest, pk: int) -> HttpResponse:
    """The message byte for byte, as a file that mail programs open."""
    row = message_of(request, pk)
    letter = write(row)
    if isinstance(letter, Held):
        return HttpResponse(f"This message cannot be written: {letter.reason}\n", status=409, content_type="text/plain")
    name = re.sub(r"[^A-Za-z0-9_-]", "_", row.token)[:100]
    headers = {"Content-Disposition": f'attachment; filename="{name}.eml"', "X-Content-Type-Options": "nosniff"}
    return HttpResponse(letter.data, content_type="message/rfc822", headers=headers)


def _show(request: MemberRequest, row: Message, here: str, values: dict[str, Any]) -> HttpResponse:
    """The page around one of its tabs."""
    trail = trail_of(row)
    base = f"/messages/{row.pk}"
    held_up = sending_paused() is not None
    paused = held_up or (trail.loop is not None and trail.loop.state == LoopState.PAUSED)
    context = {
        "message": row,
        "title": values["letter"].subject if "letter" in values else row.subject or row.version.name,
        "base": base,
        "here": here,
        "tabs": [{"label": label, "url": base + to, "here": here == to} for label, to in TABS],
        "explained": explain(row, paused, held_up),
        "known": known(row.workspace, [row]).get(row.pk),
        "retry_at": row.due_at if row.status == Status.QUEUED and row.attempts and not paused else None,
        "leaves_at": row.due_at if row.status == Status.QUEUED and row.reason == RESENT and not paused else None,
        "trail": trail,
        "moments": _moments(row, trail),
        "can_edit": request.member.role in EDITORS,
        "may_send_again": may_send_again(row),
        "newer": newer_version(row, trail.loop),
        "moving": row.status in MOVING and not paused and (row.due_at is None or row.due_at <= _soon()),
    }
    return render(request, "messages/message.html", {**context, **values})


def _soon() -> datetime:
    return timezone.now() + timedelta(seconds=40)


def _moments(row: Message, trail: Trail) -> list[dict[str, Any]]:
    """What led here, newest first, each with its own page."""
    moments = []
    if row.sent_at:
        text = row.reason.capitalize() or (row.receipt if row.status == Status.SENT else "")
        moments.append(_moment("mail", row.get_status_display(), row.sent_at, text=text, tone=tone(row.status)))
    moments += _queued_anew(row)
    named = trail.loop.name if trail.loop else "a loop that is gone"
    moments.append(_moment("edit", "Written", row.created_at, text=row.version.name))
    if trail.run:
        to = f"/loops/{trail.run.loop_id}"
        moments.append(_moment("loop", f"Entered the loop “{named}”", trail.run.started_at, url=to))
    if trail.event:
        to = f"/events?name={trail.event.name_id}"
        moments.append(_moment("event", str(trail.event.name), trail.event.recorded_at, text="Event recorded", url=to))
    if trail.delivery:
        moments.append(_received(trail))
    return moments


def _queued_anew(row: Message) -> list[dict[str, Any]]:
    """Who had it sent again: a person, or its loop's rule."""
    again = []
    if row.released_at and row.released_at != row.resent_at:
        again.append(_moment("again", "Sent again by a person", row.released_at))
    if row.resent_at:
        text = "No answer had come. The loop says to send it again, once."
        again.append(_moment("again", "Queued again by its loop’s rule", row.resent_at, text=text, tone="warn"))
    return again


def _received(trail: Trail) -> dict[str, Any]:
    assert trail.delivery is not None
    endpoint = trail.delivery.endpoint
    to = f"/integrations/{endpoint.platform}/deliveries/{trail.delivery.pk}"
    title = f"{trail.delivery.type} from {endpoint.name}"
    return _moment("webhook", title, trail.delivery.received_at, text=trail.delivery.understood, url=to)


def _moment(
    icon: str, title: str, when: datetime | None, *, text: str = "", url: str = "", tone: str = "info"
) -> dict[str, Any]:
    return {"icon": icon, "tone": tone, "title": title, "text": text, "url": url, "when": when}
