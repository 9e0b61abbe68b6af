"""Integrations: a card per platform, an endpoint's set-up, and the test event sent from there."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from cocoonmail.intake.models import Delivery
from cocoonmail.intake.rehearse import CannotRehearse, rehearse
from cocoonmail.kit.clock import database_now
from cocoonmail.platforms import PLATFORMS
from cocoonmail.web.integrations.figures import received_by_day, state_of
from cocoonmail.web.integrations.finding import endpoint_of, endpoints_of, platform_of
from cocoonmail.web.integrations.forms import RehearsalForm
from cocoonmail.web.integrations.guides import GUIDES
from cocoonmail.web.integrations.pages import base_of, show_setup
from cocoonmail.web.integrations.settings import connect
from cocoonmail.web.shared.access import ADMINS, page
from cocoonmail.web.shared.middleware import MemberRequest


@page
@require_safe
def overview(request: MemberRequest) -> HttpResponse:
    """A card per platform."""
    cards = [_card(request, name) for name in PLATFORMS if name in GUIDES]
    return render(request, "integrations/overview.html", {"cards": cards})


def _card(request: MemberRequest, name: str) -> dict[str, Any]:
    """One platform: how its endpoints stand, and when one was last heard of."""
    platform, guide = platform_of(name)
    endpoints = list(endpoints_of(request, name))
    newest = Delivery.objects.filter(endpoint__in=endpoints).order_by("-received_at").defer("body", "headers")
    days = [[count for _, count in received_by_day(endpoint, timezone.now())] for endpoint in endpoints[:5]]
    counts = [sum(day) for day in zip(*days, strict=True)]
    states = [state_of(endpoint) for endpoint in endpoints]
    return {
        "platform": platform,
        "guide": guide,
        "endpoints": endpoints,
        # The state that needs a person comes first.
        "state": next((state for state in ("no_secret", "connected", "off") if state in states), ""),
        "last": newest.first(),
        "counts": counts,
        "total": sum(counts),
    }


@page
def platform(request: MemberRequest, platform: str) -> HttpResponse:
    """A platform's first endpoint, or how to make it; POST makes one."""
    found, guide = platform_of(platform)
    if request.method == "POST":
        return connect(request, found, guide)
    first = endpoints_of(request, platform).first()
    if first is not None:
        return show_setup(request, first)
    can_admin = request.member.role in ADMINS
    return render(request, "integrations/connect.html", {"platform": found, "guide": guide, "can_admin": can_admin})


@page
@require_safe
def setup(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """One endpoint: its URL, its secrets, its events, a test event."""
    return show_setup(request, endpoint_of(request, platform, pk))


@page
@require_POST
def rehearsals(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """Send a test event through the real door; its result is then shown beside the form."""
    endpoint = endpoint_of(request, platform, pk)
    found, _ = platform_of(platform)
    on = set(endpoint.choices.filter(enabled=True).values_list("type", flat=True))
    form = RehearsalForm(found, on, request.POST, auto_id="test_%s")
    if not form.is_valid():
        return show_setup(request, endpoint, rehearsal_form=form)
    data = form.cleaned_data
    try:
        done = rehearse(endpoint, data["type"], email=data["email"], name=data["name"], now=database_now())
    except CannotRehearse as error:
        return show_setup(request, endpoint, rehearsal_form=form, refused=str(error))
    if done.delivery is None:
        answer = f"The door answered {done.status}: {done.message}"
        return show_setup(request, endpoint, rehearsal_form=form, refused=answer)
    messages.success(request, f"{data['type']} was sent and taken in.")
    return redirect(f"{base_of(endpoint)}?sent={done.delivery.pk}&type={data['type']}#rehearsal")
