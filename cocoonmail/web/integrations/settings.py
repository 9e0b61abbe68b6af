"""Change an endpoint: make and delete it, its secrets, its events, its options."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from cocoonmail.intake.models import Delivery, Endpoint, SigningSecret
from cocoonmail.intake.rehearse import new_secret
from cocoonmail.kit.clock import database_now
from cocoonmail.platforms.base import Platform
from cocoonmail.web.integrations import choices
from cocoonmail.web.integrations.finding import endpoint_of, endpoints_of, platform_of
from cocoonmail.web.integrations.forms import OptionsForm, SecretForm
from cocoonmail.web.integrations.guides import Guide
from cocoonmail.web.integrations.pages import base_of, frame, show_setup
from cocoonmail.web.shared.access import ADMINS, admin_page, page
from cocoonmail.web.shared.counting import count_of, in_words
from cocoonmail.web.shared.middleware import MemberRequest

ENDPOINTS_MAX = 50  # Per platform and workspace
NAME_MAX = 100


def connect(request: MemberRequest, platform: Platform, guide: Guide) -> HttpResponse:
    """Make an endpoint, ready for what its platform usually tells; the same name twice is the same endpoint."""
    if request.member.role not in ADMINS:
        raise PermissionDenied("Only owners and admins connect a platform.")
    name = request.POST.get("name", "").strip()[:NAME_MAX] or platform.title
    mine = endpoints_of(request, platform.name)
    if mine.filter(name=name).exists():
        messages.info(request, f"“{name}” is here already.")
    elif mine.count() >= ENDPOINTS_MAX:
        messages.error(request, f"A workspace has at most {ENDPOINTS_MAX} endpoints per platform. Delete one first.")
        return redirect("platform", platform.name)
    else:
        _make(request, platform, guide, name)
    return redirect(base_of(mine.get(name=name)))


def _make(request: MemberRequest, platform: Platform, guide: Guide, name: str) -> None:
    try:
        with transaction.atomic():
            endpoint = Endpoint.objects.create(workspace=request.workspace, platform=platform.name, name=name)
            choices.begin(endpoint, platform, guide.begin, database_now())
    except IntegrityError:
        return  # A second click was quicker: the endpoint is there.


@page
def events(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """What happens with each event type."""
    endpoint = endpoint_of(request, platform, pk)
    if request.method != "POST":
        return redirect(base_of(endpoint))
    rows = choices.rows_of(endpoint, platform_of(platform)[0], request.POST)
    if any([not row.form.is_valid() for row in rows]):  # noqa: C419 - each row is to show its errors
        return show_setup(request, endpoint, rows=rows)
    choices.save(endpoint, rows, database_now())
    messages.success(request, f"{sum(row.on for row in rows)} events are switched on.")
    return redirect(f"{base_of(endpoint)}#events")


@sensitive_post_parameters("secret")
@admin_page
def secrets(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """Add a signing secret."""
    endpoint = endpoint_of(request, platform, pk)
    if request.method != "POST":
        return redirect(base_of(endpoint))
    found, guide = platform_of(platform)
    form = SecretForm(endpoint, found, guide, request.POST)
    if not form.is_valid():
        return show_setup(request, endpoint, secret_form=form)
    secret = SigningSecret.of(endpoint, form.cleaned_data["secret"])
    secret.save()
    messages.success(request, f"The secret that ends in {secret.hint} was saved. {found.title} can deliver now.")
    return redirect(f"{base_of(endpoint)}#secret")


@admin_page
@require_POST
def made_secret(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """Make a secret of our own, to try everything before the platform is at hand."""
    endpoint = endpoint_of(request, platform, pk)
    if not endpoint.secrets.exists():
        secret = new_secret(endpoint)
        messages.success(
            request, f"A secret for trying out was made. It ends in {secret.hint}; remove it when you go live."
        )
    return redirect(f"{base_of(endpoint)}#rehearsal")


@admin_page
@require_POST
def remove_secret(request: MemberRequest, platform: str, pk: int, secret: int) -> HttpResponse:
    """Forget a secret: requests that are signed with it are refused from now on."""
    endpoint = endpoint_of(request, platform, pk)
    row = get_object_or_404(endpoint.secrets, pk=secret)
    row.delete()
    messages.success(request, f"The secret that ended in {row.hint} was removed.")
    return redirect(f"{base_of(endpoint)}#secret")


@admin_page
def options(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """Name, user group, test mode, connected accounts, on or off; and the end."""
    endpoint = endpoint_of(request, platform, pk)
    # The frame is drawn from what is stored, not from what a refused form says.
    around = frame(request, endpoint, "/options")
    form = OptionsForm(request.POST or None, instance=endpoint_of(request, platform, pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "The options were saved.")
        return redirect("endpoint_options", platform, pk)
    return render(request, "integrations/options.html", {**around, "form": form, "destroys": _destroys(endpoint)})


def _destroys(endpoint: Endpoint) -> list[str]:
    """What deleting an endpoint takes with it, in words."""
    count = count_of(Delivery.objects.filter(endpoint=endpoint))
    known = in_words(count)
    return [
        "its URL: whatever is sent there is answered 404",
        f"{endpoint.secrets.count()} signing secrets",
        f"{known} deliveries with their raw bodies",
        "which customer is which contact, as this endpoint learnt it",
    ]


@admin_page
@require_POST
def only_log_test_events(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """From now on test mode does nothing here but show in the log."""
    endpoint = endpoint_of(request, platform, pk)
    endpoint.process_test = False
    endpoint.save(update_fields=["process_test", "updated_at"])
    messages.success(request, "Events of test mode are only logged from now on.")
    return redirect(base_of(endpoint))


@admin_page
@require_POST
def enable(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """Take requests in again."""
    endpoint = endpoint_of(request, platform, pk)
    endpoint.enabled = True
    endpoint.save(update_fields=["enabled", "updated_at"])
    messages.success(request, "The endpoint is switched on.")
    return redirect(base_of(endpoint))


@admin_page
@require_POST
def delete(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """Delete an endpoint with its log. Contacts, events and messages stay."""
    endpoint = endpoint_of(request, platform, pk)
    endpoint.delete()
    messages.success(request, f"The endpoint “{endpoint.name}” was deleted. Contacts and messages stay.")
    return redirect("integrations")
