"""While sending is paused, as after a restore: what would be sent, and the two ways on."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from cocoonmail.accounts.epoch import Gone, paused, resume
from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.models import Message
from cocoonmail.trace.waiting import discard, waiting
from cocoonmail.web.shared.access import admin_page
from cocoonmail.web.shared.middleware import MemberRequest

NOT_PAUSED = "Sending is not paused any more: what waits is being sent."


def paused_sending(workspace: Workspace) -> dict[str, Any]:
    """For the page: why nothing is sent, since when, and what of this workspace waits; empty when mail is sent."""
    if (row := paused()) is None:
        return {}
    why = row.pause_reason or f"it was moved to {row.moved_to}"
    found = waiting(Message.objects.filter(workspace=workspace))
    return {
        "why": f"{why[:1].upper()}{why[1:]}",
        "since": row.paused_at,
        "counted": "1 message" if found.count == 1 else f"{found.count:,} messages",
        "oldest": found.oldest,
        "loops": [(name, f"{many:,}") for name, many in found.loops],
    }


@admin_page
@require_POST
def start_sending(request: MemberRequest) -> HttpResponse:
    """Let mail leave again, in all workspaces."""
    try:
        if resume():
            messages.success(request, "Sending starts: what waited leaves now.")
        else:
            messages.warning(request, NOT_PAUSED)
    except Gone as gone:
        messages.error(request, str(gone))
    return redirect("messages")


@admin_page
@require_POST
def discard_waiting(request: MemberRequest) -> HttpResponse:
    """Send none of what waits in this workspace. Sending stays paused."""
    if paused() is None:
        messages.warning(request, NOT_PAUSED)
        return redirect("messages")
    many = discard(Message.objects.filter(workspace=request.workspace))
    said = "1 message is" if many == 1 else f"{many:,} messages are"
    messages.success(request, f"{said} not sent, for good. Sending is still paused.")
    return redirect("messages")
