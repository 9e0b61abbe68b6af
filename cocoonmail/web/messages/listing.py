"""The list of all mail, by status, loop, mode and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from cocoonmail.emails.models import Message, Status
from cocoonmail.loops.models import Loop
from cocoonmail.web.messages.known import Known, known
from cocoonmail.web.messages.paused import paused_sending
from cocoonmail.web.messages.words import reason_of
from cocoonmail.web.shared.access import ADMINS, EDITORS, page
from cocoonmail.web.shared.counting import count_of, in_words
from cocoonmail.web.shared.middleware import MemberRequest
from cocoonmail.web.shared.paging import page_of
from cocoonmail.web.shared.tones import look_of

LOOPS_OFFERED = 200
SEARCHED_MAX = 50_000  # Words are looked for in the newest messages only, so that the page stays quick after a million
TEXT_MAX = 320  # Characters of a search
ID_DIGITS = 18  # What both databases can compare with

# In the order of the tabs: what waits for a person stands before what is settled.
TABS = [Status.HELD, Status.FAILED, Status.UNKNOWN, Status.QUEUED, Status.SENDING, Status.SENT]
TABS += [Status.CAPTURED, Status.SKIPPED]
assert set(TABS) == set(Status)

# What a person decides about many at once.
DECIDED = (Status.HELD, Status.FAILED, Status.UNKNOWN)
MODES = {"live": False, "test": True}


@page
@require_safe
def messages(request: MemberRequest) -> HttpResponse:
    """All mail, newest first."""
    mine = Message.objects.filter(workspace=request.workspace)
    status = request.GET.get("status", "")
    found = filtered(mine, request.GET).select_related("version").defer("facts", "conversation")
    shown = page_of(found, request, by="created_at", searched=bool(request.GET.get("q")))
    loops = list(Loop.objects.filter(workspace=request.workspace).order_by("name", "pk")[:LOOPS_OFFERED])
    facts = known(request.workspace, shown.rows)
    names = {loop.pk: loop.name for loop in loops}
    return render(
        request,
        "messages/messages.html",
        {
            "page": shown,
            "rows": [_row(one, names, facts.get(one.pk)) for one in shown.rows],
            "noun": "message" if shown.count == 1 else "messages",
            "tabs": _tabs(mine, status),
            "kept": {"status": status} if status in Status.values else {},
            "selects": _selects(request, loops),
            "anything": bool(shown.rows) or mine.exists(),
            "asked": {name: value for name in ("q", "loop", "mode") if (value := request.GET.get(name, ""))},
            "paused": paused_sending(request.workspace),
            "can_admin": request.member.role in ADMINS,
            "deciding": status if status in DECIDED and request.member.role in EDITORS else "",
        },
    )


def filtered(rows: QuerySet[Message], asked: QueryDict) -> QuerySet[Message]:
    """The messages that a URL's or a form's filters ask for."""
    status, loop, mode = (asked.get(name, "") for name in ("status", "loop", "mode"))
    text = asked.get("q", "").strip().replace("\0", "")[:TEXT_MAX]
    if text:
        newest = rows.order_by("-created_at", "-pk").values("pk")[:SEARCHED_MAX]
        # By their ids alone: a database that knows little of its tables would rather go through the whole workspace.
        rows = Message.objects.filter(Q(to_email__icontains=text) | Q(subject__icontains=text), pk__in=newest)
    if status in Status.values:
        rows = rows.filter(status=status)
    if loop.isascii() and loop.isdigit() and len(loop) <= ID_DIGITS:
        rows = rows.filter(loop_id=int(loop))
    if mode in MODES:
        rows = rows.filter(test=MODES[mode])
    return rows


def _row(message: Message, names: Mapping[int, str], facts: Known | None) -> dict[str, Any]:
    """A message that was never merged has no subject yet: it goes by the name of its email."""
    return {
        "message": message,
        "subject": message.subject or message.version.name,
        "reason": reason_of(message),
        "loop": names.get(message.loop_id or 0, ""),
        "known": facts,
    }


def _tabs(mine: QuerySet[Message], here: str) -> list[dict[str, Any]]:
    """A tab per status that has messages, and the one that is looked at."""
    counts = {status: count_of(mine.filter(status=status)) for status in TABS}
    statuses = [
        _tab(look_of(status).word, f"?status={status.value}", here == status, in_words(count))
        for status, count in counts.items()
        if count or here == status
    ]
    return [_tab("All", "/messages", here not in Status.values), *statuses]


def _tab(label: str, url: str, here: bool, count: str = "") -> dict[str, Any]:
    return {"label": label, "url": url, "here": here, "count": count}


def _selects(request: MemberRequest, loops: list[Loop]) -> list[dict[str, Any]]:
    options: list[tuple[str, str, list[tuple[str, str]]]] = [
        ("loop", "Loop", [(str(loop.pk), loop.name) for loop in loops]),
        ("mode", "Mode", [("live", "Live"), ("test", "Test")]),
    ]
    return [
        {"name": name, "label": label, "value": request.GET.get(name, ""), "options": choices}
        for name, label, choices in options
        if choices
    ]
