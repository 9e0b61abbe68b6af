"""Home: what came in, what went out, what needs a person."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from cocoonmail.emails.models import Message
from cocoonmail.intake.models import Delivery
from cocoonmail.web.home import figures
from cocoonmail.web.home.attention import attention
from cocoonmail.web.home.first_steps import first_steps
from cocoonmail.web.shared.access import ADMINS, page
from cocoonmail.web.shared.middleware import MemberRequest

LATEST_SHOWN = 5


@page
@require_safe
def home(request: MemberRequest) -> HttpResponse:
    """The checklist of a new workspace while anything on it is open; the overview as soon as anything came in."""
    workspace, now = request.workspace, timezone.now()
    steps = first_steps(workspace)
    begun = Delivery.objects.filter(workspace=workspace).exists()
    context: dict[str, Any] = {
        "steps": [] if all(step.done for step in steps) else steps,
        "next": next((step for step in steps if not step.done), None),
        "done": sum(step.done for step in steps),
        "begun": begun,
        "can_admin": request.member.role in ADMINS,
    }
    if begun:
        mine = Message.objects.filter(workspace=workspace).select_related("version").defer("facts", "conversation")
        context |= {
            "received": figures.received(workspace, now),
            "went_out": figures.went_out(workspace, now),
            "arrived": figures.arrived(workspace, now),
            "loops": figures.loops(workspace),
            "troubles": attention(workspace),
            "latest": list(mine.order_by("-created_at", "-pk")[:LATEST_SHOWN]),
        }
    return render(request, "home/home.html", context)
