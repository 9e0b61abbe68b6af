"""Put an endpoint's pages together: the frame around its tabs, and the set-up with whatever form was sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render

from cocoonmail.contacts.models import EventName
from cocoonmail.intake.door import webhook_url
from cocoonmail.intake.models import Delivery, Endpoint, SigningSecret
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.secrets import Unsealable
from cocoonmail.trace.followed import followed, settled
from cocoonmail.web.integrations.choices import ChoiceRow, rows_of
from cocoonmail.web.integrations.figures import Caution, cautions_of, state_of
from cocoonmail.web.integrations.finding import endpoints_of, platform_of
from cocoonmail.web.integrations.forms import NewEndpointForm, RehearsalForm, SecretForm
from cocoonmail.web.shared.access import ADMINS, EDITORS
from cocoonmail.web.shared.middleware import MemberRequest

LATEST_SHOWN = 6
NAMES_OFFERED = 500  # Event names that the trigger fields complete from
SAMPLE_NAME = "Ada Lovelace"


def base_of(endpoint: Endpoint) -> str:
    """The path of an endpoint's pages."""
    return f"/integrations/{endpoint.platform}/{endpoint.pk}"


def frame(request: MemberRequest, endpoint: Endpoint, here: str) -> dict[str, Any]:
    """What all pages of one endpoint show. `here` is the tab: "", "/deliveries", "/backfills" or "/options"."""
    platform, guide = platform_of(endpoint.platform)
    base = base_of(endpoint)
    siblings = list(endpoints_of(request, endpoint.platform))
    past = [("Backfill", "/backfills")] if platform.history else []
    tabs = [("Set-up", ""), ("Deliveries", "/deliveries"), *past, ("Options", "/options")]
    return {
        "endpoint": endpoint,
        "platform": platform,
        "guide": guide,
        "base": base,
        "siblings": siblings,
        "state": state_of(endpoint),
        "tabs": [{"label": label, "url": base + to, "here": to == here} for label, to in tabs],
        "cautions": _cautions(endpoint, base, platform.title, here),
        "can_edit": request.member.role in EDITORS,
        "can_admin": request.member.role in ADMINS,
        "new_endpoint": NewEndpointForm(auto_id="new_%s"),
    }


def _cautions(endpoint: Endpoint, base: str, title: str, here: str) -> list[Caution]:
    """Options shows none; on the set-up, what a card beside says already is left out."""
    if here == "/options":
        return []
    return [one for one in cautions_of(endpoint, base, title) if here or "#" not in one.url]


def show_setup(
    request: MemberRequest,
    endpoint: Endpoint,
    *,
    rows: list[ChoiceRow] | None = None,
    secret_form: SecretForm | None = None,
    rehearsal_form: RehearsalForm | None = None,
    refused: str = "",
) -> HttpResponse:
    """The set-up page; a form with errors is shown as it was sent. `refused` is why no test event went out."""
    context = frame(request, endpoint, "")
    platform, guide = context["platform"], context["guide"]
    rows = rows if rows is not None else rows_of(endpoint, platform)
    first = [row for row in rows if row.on or row.event.name in guide.begin]
    return render(
        request,
        "integrations/setup.html",
        {
            **context,
            "url": webhook_url(endpoint.path),
            "local": is_local(),
            "setup_rows": first,
            "more_rows": [row for row in rows if row not in first],
            "more_open": any(row.form.errors for row in rows if row not in first),
            "events_wrong": any(row.form.errors for row in rows),
            "event_names": _event_names(request),
            "secrets": [_shown(secret) for secret in endpoint.secrets.order_by("pk")],
            "secret_form": secret_form or SecretForm(endpoint, platform, guide),
            "rehearsal_form": rehearsal_form or _rehearsal_form(request, endpoint, context),
            "refused": refused,
            "sent": _sent(request, endpoint),
            "latest": _latest(endpoint),
        },
    )


def is_local() -> bool:
    """Whether the address that we give out can only be reached from this machine or its network."""
    host = urlsplit(settings.BASE_URL).hostname or ""
    return settings.BASE_URL.startswith("http://") or host in ("localhost", "127.0.0.1", "::1")


def _rehearsal_form(request: MemberRequest, endpoint: Endpoint, context: dict[str, Any]) -> RehearsalForm:
    on = set(endpoint.choices.filter(enabled=True).values_list("type", flat=True))
    initial = {"email": request.user.email, "name": SAMPLE_NAME, "type": request.GET.get("type", "")}  # type: ignore[union-attr]
    return RehearsalForm(context["platform"], on, initial=initial, auto_id="test_%s")


def _event_names(request: MemberRequest) -> list[str]:
    names = EventName.objects.filter(workspace=request.workspace).order_by("name")
    return list(names.values_list("name", flat=True)[:NAMES_OFFERED])


def _shown(secret: SigningSecret) -> dict[str, Any]:
    """A secret as its row shows it; one that the installation's key does not open is of no use any more."""
    try:
        secret.reveal()
    except Unsealable as error:
        return {"row": secret, "trouble": str(error)}
    return {"row": secret, "trouble": ""}


def _sent(request: MemberRequest, endpoint: Endpoint) -> dict[str, Any] | None:
    """The test event that was just sent, and what followed so far."""
    number = request.GET.get("sent", "")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    delivery = Delivery.objects.filter(endpoint=endpoint, pk=int(number)).select_related("contact").first()
    if delivery is None:
        return None
    so_far = followed(delivery)
    return {"delivery": delivery, "followed": so_far, "moving": not settled(delivery, so_far, database_now())}


def _latest(endpoint: Endpoint) -> list[Delivery]:
    newest = Delivery.objects.filter(endpoint=endpoint).select_related("contact").defer("body", "headers")
    return list(newest.order_by("-received_at", "-pk")[:LATEST_SHOWN])
