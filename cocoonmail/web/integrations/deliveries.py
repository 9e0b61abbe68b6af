"""The log of deliveries, and one delivery: what was understood, what followed, its raw bytes, and process again."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from cocoonmail.contacts.models import Contact
from cocoonmail.intake.again import process_again
from cocoonmail.intake.backfill import quiet_ones
from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint
from cocoonmail.intake.parked import PATIENCE
from cocoonmail.kit.clock import database_now
from cocoonmail.loops.models import Run
from cocoonmail.trace.followed import Followed, followed
from cocoonmail.web.integrations.explain import explain, fix_for
from cocoonmail.web.integrations.figures import received_by_day
from cocoonmail.web.integrations.finding import delivery_of, endpoint_of, platform_of
from cocoonmail.web.integrations.pages import base_of, frame
from cocoonmail.web.shared.access import EDITORS, page
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import page_of
from cocoonmail.web.shared.templatetags.look import tone, tone_icon

ROWS_ID = "log-rows"  # The element that refreshes itself
CONTACTS_MAX = 200  # Contacts whose deliveries one search shows
BODY_SHOWN_MAX = 256 * 1024  # Bytes of a body on the page; the whole is a click away
HEADER_SHOWN_MAX = 44  # Characters of a signature on the page
WORKER_LATE = timedelta(seconds=30)

MODES = {"live": True, "test": False}


@page
@require_safe
def log(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """Everything that came in by one endpoint, newest first, and what was turned away."""
    endpoint = endpoint_of(request, platform, pk)
    context = frame(request, endpoint, "/deliveries")
    rows = _filtered(Delivery.objects.filter(endpoint=endpoint), request)
    shown = page_of(rows.select_related("contact").defer("body", "headers"), request, by="received_at")
    refreshes = request.headers.get("HX-Target") == ROWS_ID
    filtering = any(request.GET.get(name) for name in ("q", "state", "type", "mode"))
    return render(
        request,
        "integrations/deliveries.html",
        {
            **context,
            "page": shown,
            "noun": "delivery" if shown.count == 1 else "deliveries",
            "selects": _selects(request, context["platform"].events),
            "anything": filtering or bool(shown.rows) or Delivery.objects.filter(endpoint=endpoint).exists(),
            "on_top": not (request.GET.get("older") or request.GET.get("newer")),
            "days": [] if refreshes else received_by_day(endpoint, timezone.now()),
            "refusals": [] if refreshes else _refusals(endpoint),
        },
    )


def _filtered(rows: QuerySet[Delivery], request: MemberRequest) -> QuerySet[Delivery]:
    state, type_, mode = (request.GET.get(name, "") for name in ("state", "type", "mode"))
    if state in DeliveryState.values:
        rows = rows.filter(state=state)
    if type_:
        rows = rows.filter(type=type_[:200])
    if mode in MODES:
        rows = rows.filter(livemode=MODES[mode])
    return _searched(rows, request, request.GET.get("q", "").strip()[:320].replace("\0", ""))


def _searched(rows: QuerySet[Delivery], request: MemberRequest, text: str) -> QuerySet[Delivery]:
    """Deliveries by event id, customer id, or whatever is in the contact's address."""
    if not text:
        return rows
    if re.fullmatch(r"(evt|cus)_\w*", text):
        return rows.filter(Q(external_id=text) | Q(customer_key=text))
    people = Contact.objects.filter(workspace=request.workspace, email_key__contains=text.lower())
    ids = list(people.order_by("-pk").values_list("pk", flat=True)[:CONTACTS_MAX])
    return rows.filter(Q(contact__in=ids) | Q(type=text) | Q(external_id=text))


def _selects(request: MemberRequest, types: Any) -> list[dict[str, Any]]:
    options = [
        ("state", "State", DeliveryState.choices),
        ("type", "Event", [(name, name) for name in types]),
        ("mode", "Mode", [("live", "Live"), ("test", "Test")]),
    ]
    return [
        {"name": name, "label": label, "value": request.GET.get(name, ""), "options": choices}
        for name, label, choices in options
    ]


def _refusals(endpoint: Endpoint) -> list[dict[str, Any]]:
    """The last requests that were turned away, each with what to do."""
    rows = endpoint.refusals.order_by("-refused_at", "-pk")
    return [{"row": row, "fix": fix_for(row.code)} for row in rows]


@page
@require_safe
def delivery(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """One delivery, back to its raw bytes and forward to the emails that it led to."""
    row = delivery_of(request, platform, pk)
    found, guide = platform_of(platform)
    came_of_it, now = followed(row), timezone.now()
    body = bytes(row.body)
    return render(
        request,
        "integrations/delivery.html",
        {
            "delivery": row,
            "platform": found,
            "guide": guide,
            "base": base_of(row.endpoint),
            "known": row.type in found.events,
            "explained": explain(row, found, late=now - row.received_at > WORKER_LATE),
            "moments": _moments(row, came_of_it),
            "followed": came_of_it,
            "body": body[:BODY_SHOWN_MAX] if len(body) > BODY_SHOWN_MAX else body,
            "cut": len(body) > BODY_SHOWN_MAX,
            "size": len(body),
            "headers": {name: _shortened(name, value) for name, value in sorted(row.headers.items())},
            "give_up_at": row.received_at + PATIENCE if row.state == DeliveryState.PARKED else None,
            "can_edit": request.member.role in EDITORS and bool(body),
            "moving": row.state == DeliveryState.WAITING,
            "quiet": bool(quiet_ones([row])),
        },
    )


def _shortened(name: str, value: str) -> str:
    """A header as the page shows it: of a signature only the beginning, for it is kept and not for reading."""
    if "signature" not in name or len(value) <= HEADER_SHOWN_MAX:
        return value
    return f"{value[:HEADER_SHOWN_MAX]}… ({len(value)} characters)"


def _moments(row: Delivery, came: Followed) -> list[dict[str, Any]]:
    """What followed, newest first, each with its own page."""
    came_in = "Received" if row.backfill_id is None else "Fetched by a backfill"
    moments = [_moment("webhook", came_in, row.received_at, text=row.understood)]
    if row.processed_at:
        how = tone(row.state)
        moments.append(_moment(tone_icon(how), row.get_state_display(), row.processed_at, text=row.result, tone=how))
    if row.contact is not None:
        to = f"/audience/{row.contact_id}"
        moments.append(_moment("person", str(row.contact), row.processed_at, text=row.contact.name, url=to))
    return [*_emails_of(came), *_runs_of(came), *_events_of(came), *moments[::-1]]


def _events_of(came: Followed) -> list[dict[str, Any]]:
    return [
        _moment("event", str(event.name), event.recorded_at, text="Event recorded", url=f"/events?name={event.name_id}")
        for event in came.events
    ]


def _runs_of(came: Followed) -> list[dict[str, Any]]:
    return [
        _moment("loop", f"Entered the loop “{run.loop}”", run.started_at, text=_why(run), url=f"/loops/{run.loop_id}")
        for run in came.runs
    ]


def _emails_of(came: Followed) -> list[dict[str, Any]]:
    return [
        _moment(
            "mail",
            one.subject or one.version.name,
            one.sent_at or one.created_at,
            text=f"{one.get_status_display()}, to {one.to_email}{f': {one.reason}' if one.reason else ''}",
            url=f"/messages/{one.pk}",
            tone=tone(one.status),
        )
        for one in came.messages[::-1]
    ]


def _why(run: Run) -> str:
    return f"{run.get_state_display()}{f': {run.reason}' if run.reason else ''}"


def _moment(
    icon: str, title: str, when: datetime | None, *, text: str, url: str = "", tone: str = "info"
) -> dict[str, Any]:
    return {"icon": icon, "tone": tone, "title": title, "text": text, "url": url, "when": when}


@page
@require_safe
def body(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """The body, byte for byte as it was signed."""
    row = delivery_of(request, platform, pk)
    name = re.sub(r"[^A-Za-z0-9_-]", "_", row.external_id)[:100]
    return HttpResponse(
        bytes(row.body),
        content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}.json"', "X-Content-Type-Options": "nosniff"},
    )


@page
@require_POST
def again(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """Process a delivery again; what it did before is not done twice."""
    row = delivery_of(request, platform, pk)
    if process_again(row, database_now()):
        messages.success(request, "It is processed again. What it did before is not done twice.")
    else:
        messages.error(request, "It cannot be processed again: its body is not kept any more.")
    return redirect("delivery", platform, pk)
