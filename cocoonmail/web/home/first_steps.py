"""The checklist of a new workspace: each step is ticked off by what is there, never by hand."""

from __future__ import annotations

from dataclasses import dataclass

from cocoonmail.accounts.models import Workspace
from cocoonmail.intake.models import Delivery, Endpoint
from cocoonmail.loops.models import Loop, LoopState

STRIPE = "stripe"


@dataclass(frozen=True, slots=True)
class FirstStep:
    """One step, and the one click that goes on with it."""

    title: str
    text: str
    done: bool
    action: str
    url: str
    post: bool = False


def first_steps(workspace: Workspace) -> list[FirstStep]:
    """All four, in the order in which they are easiest."""
    endpoint = Endpoint.objects.filter(workspace=workspace, platform=STRIPE).order_by("pk").first()
    return [_connect(workspace, endpoint), _test_event(workspace, endpoint), _sender(workspace), _loop(workspace)]


def _connect(workspace: Workspace, endpoint: Endpoint | None) -> FirstStep:
    done = Endpoint.objects.filter(workspace=workspace, secrets__isnull=False).exists()
    text = "Give Stripe our URL, and give us Stripe’s signing secret."
    if endpoint is None:
        return FirstStep("Connect Stripe", text, done, "Connect Stripe", f"/integrations/{STRIPE}", post=True)
    return FirstStep("Connect Stripe", text, done, "Add the secret", f"{_base(endpoint)}#secret")


def _test_event(workspace: Workspace, endpoint: Endpoint | None) -> FirstStep:
    done = Delivery.objects.filter(workspace=workspace).exists()
    text = "See a webhook come in and what it sets off, without touching Stripe."
    url = f"{_base(endpoint)}#rehearsal" if endpoint else f"/integrations/{STRIPE}"
    return FirstStep("Send a test event", text, done, "Send a test event", url)


def _sender(workspace: Workspace) -> FirstStep:
    done = bool(workspace.sender_email and workspace.address)
    text = "The name and address your emails come from, and the postal address that stands below them."
    return FirstStep("Choose a sender", text, done, "Choose a sender", "/settings#sender")


def _loop(workspace: Workspace) -> FirstStep:
    loops = Loop.objects.filter(workspace=workspace)
    done = loops.filter(state=LoopState.LIVE).exists()
    draft = loops.order_by("-pk").first()
    text = "A loop sends the email when the event happens. Three templates for Stripe are ready."
    if draft is None:
        return FirstStep("Switch a loop on", text, done, "Choose a template", "/templates")
    return FirstStep("Switch a loop on", text, done, f"Open “{draft.name}”", f"/loops/{draft.pk}")


def _base(endpoint: Endpoint) -> str:
    return f"/integrations/{endpoint.platform}/{endpoint.pk}"
