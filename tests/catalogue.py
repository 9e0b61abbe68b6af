"""The catalogue of components as a page: every component once, with data of our own making, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.template.loader import render_to_string
from django.test import RequestFactory

from cocoonmail.web.shared.paging import Page
from cocoonmail.web.shared.tones import STATES


class SenderForm(forms.Form):
    """A form with a field of every kind, and an error."""

    name = forms.CharField(help_text="What people see first.")
    email = forms.EmailField(help_text="Replies go here, unless you say otherwise.")
    address = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), help_text="Marketing emails must carry it.")
    reply_to = forms.EmailField(label="Reply to", required=False)
    transport = forms.ChoiceField(choices=[("smtp", "SMTP"), ("capture", "Capture")])
    track = forms.BooleanField(label="Count opens", required=False, help_text="A picture in the email tells us.")
    mode = forms.ChoiceField(
        label="Test events",
        widget=forms.RadioSelect,
        choices=[("all", "Process them"), ("log", "Only log them")],
        initial="all",
    )


class StepForm(forms.Form):
    """The panel of a step."""

    subject = forms.CharField(initial="Welcome to Acme, {{ contact.firstName | default: 'friend' }}")
    preview = forms.CharField(label="Preview text", required=False, help_text="Shown after the subject in the inbox.")
    live = forms.BooleanField(
        label="On", required=False, initial=True, widget=forms.CheckboxInput(attrs={"class": "switch"})
    )


def render() -> str:
    """The page's HTML."""
    request = RequestFactory().get("/loops")
    return render_to_string("catalogue.html", {**shell(request), **components(), **builder()})


def shell(request: Any) -> dict[str, Any]:
    """What the frame shows around every page."""
    person = SimpleNamespace(is_authenticated=True, email="ada.lovelace@acme-analytics.example")

    return {
        "request": request,
        "csrf_token": "catalogue",
        "workspace": SimpleNamespace(name="Acme Analytics"),
        "user": person,
        "captures": True,
        "messages": [Message("success", "The loop is live: it takes in everybody who becomes a customer from now on.")],
    }


class Message(str):
    """One of Django's flash messages, as far as a page sees it."""

    level_tag: str

    def __new__(cls, level_tag: str, words: str) -> Message:
        message = super().__new__(cls, words)
        message.level_tag = level_tag
        return message


def components() -> dict[str, Any]:
    """Data of every kind: much, little, none; long names; failures."""
    now = datetime.now(UTC)
    counts = [
        12,
        14,
        9,
        3,
        2,
        15,
        18,
        22,
        19,
        17,
        6,
        4,
        21,
        25,
        28,
        24,
        22,
        9,
        7,
        26,
        31,
        29,
        33,
        30,
        12,
        10,
        35,
        38,
        36,
        41,
    ]
    form = SenderForm(
        {"name": "Acme", "email": "hello@", "mode": "all", "transport": "smtp", "address": "1 Main St, Oslo"}
    )
    form.is_valid()
    form.add_error(None, "The sender was not saved: one field needs another look.")
    return {
        "now": now - timedelta(minutes=3),
        "later": now + timedelta(hours=5),
        "counts": counts,
        "counts_low": [0] * 25 + [1, 0, 0, 2, 1],
        "counts_up": list(range(0, 90, 3)),
        "counts_none": [0] * 30,
        "days": [(f"{day} Nov", count) for day, count in enumerate(counts, 1)],
        "tabs": [
            {"label": "All", "url": "#", "here": True, "count": "1,204"},
            {"label": "Live", "url": "#", "count": 3},
            {"label": "Metrics", "url": "#"},
        ],
        "selects": [
            {"name": "state", "label": "State", "value": "live", "options": [("live", "Live"), ("draft", "Draft")]},
            {"name": "event", "label": "Event", "value": "", "options": [("newStripeCustomer", "newStripeCustomer")]},
        ],
        "rows": loops(now, counts),
        "page": Page([SimpleNamespace(pk=1)] * 4, 1204, "abc", "def"),
        "states": list(STATES),
        "destroys": ["3 steps and 2 emails", "214 runs in progress", "their figures"],
        "form": form,
        "payload": b'{"id": "evt_1QbTz2", "type": "invoice.paid", "data": {"object": {"amount_paid": 4900}}}',
        "moments": moments(now),
        "gallery": ["Stripe - New Customer", "Stripe - Payment Successful", "Stripe - Payment Failed"],
    }


def loops(now: datetime, counts: list[int]) -> list[dict[str, Any]]:
    """Rows of a table."""
    names = [
        ("Welcome", "newStripeCustomer", "live"),
        ("Payment failed, and what to do about it", "failedPayment", "paused"),
    ]
    more = [("Receipts", "successfulPayment", "live"), ("Untitled loop", "No trigger yet", "draft")]
    return [
        {"name": name, "trigger": trigger, "state": state, "counts": counts[place:], "entered": f"{12840 >> place:,}",
         "sent": f"{12011 >> place:,}", "when": now - timedelta(hours=7**place) if state != "draft" else None}
        for place, (name, trigger, state) in enumerate(names + more)
    ]  # fmt: skip


def moments(now: datetime) -> list[dict[str, Any]]:
    """A contact's timeline."""
    return [
        {
            "icon": "mail",
            "tone": "good",
            "title": "Welcome to Acme was sent",
            "url": "#",
            "when": now,
            "text": "250 2.0.0 Ok: queued as 4F2A",
        },
        {
            "icon": "bell-off",
            "tone": "warn",
            "title": "Payment failed was held",
            "text": "The invoice has no URL.",
            "when": now - timedelta(hours=3),
        },
        {"icon": "event", "tone": "info", "title": "newStripeCustomer", "url": "#", "when": now - timedelta(days=2)},
        {
            "icon": "bounce",
            "tone": "bad",
            "title": "Bounced",
            "text": "550 5.1.1 No such user",
            "when": now - timedelta(days=40),
        },
        {
            "icon": "person-add",
            "title": "Added to the audience",
            "text": "By Stripe webhook",
            "when": now - timedelta(days=400),
        },
    ]


def builder() -> dict[str, Any]:
    """The loop builder's path and panel."""
    return {
        "wait_facts": ["12 waiting", "next in 4 min"],
        "email_facts": ["962 sent", "48 % opened", "0 failed"],
        "step_form": StepForm(auto_id="step_%s"),
    }
