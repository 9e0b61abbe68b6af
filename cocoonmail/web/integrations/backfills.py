"""Backfills of an endpoint: begin one, watch how far it has got, stop it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import localtime
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from cocoonmail.intake.backfill import CannotBackfill, begin, stop
from cocoonmail.intake.models import Backfill, BackfillState, Endpoint
from cocoonmail.kit.clock import database_now
from cocoonmail.platforms.base import History, Platform
from cocoonmail.trace.story import sentence
from cocoonmail.web.integrations.finding import endpoint_of, platform_of
from cocoonmail.web.integrations.pages import frame
from cocoonmail.web.shared.access import admin_page
from cocoonmail.web.shared.middleware import MemberRequest

SHOWN_MAX = 20
KEY_MAX = 500  # Characters; Stripe's have 107
SPANS = (3, 7, 14, 30)  # Days that are offered


class BackfillForm(forms.Form):
    """How far back, with which key, and whether loops start."""

    key = forms.CharField(
        max_length=KEY_MAX,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono"}),
    )
    days = forms.TypedChoiceField(label="Go back", coerce=int)
    starts_loops = forms.TypedChoiceField(
        label="What is fetched",
        choices=[
            ("True", "Does all that a webhook does: loops start, and emails go out late"),
            ("False", "Updates contacts and records events, and starts no loops"),
        ],
        coerce=lambda value: value == "True",
        initial="True",
        widget=forms.RadioSelect,
    )

    def __init__(self, history: History, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.history = history
        key, days = self.fields["key"], self.fields["days"]
        key.label = history.key_title
        key.help_text = f"{history.key_help} It is kept encrypted until the backfill ends, then forgotten."
        spans = [span for span in SPANS if span <= history.days]
        days.choices = [(span, f"{span} days") for span in spans]  # type: ignore[attr-defined]
        days.initial = spans[-1]

    def clean_key(self) -> str:
        """A text that can be such a key."""
        key: str = self.cleaned_data["key"]
        if complaint := self.history.complaint(key):
            raise forms.ValidationError(complaint)
        return key


@sensitive_post_parameters("key")
@admin_page
def backfills(request: MemberRequest, platform: str, pk: int) -> HttpResponse:
    """The endpoint's backfills, newest first, and the form for one more; POST begins it."""
    endpoint, found = _endpoint(request, platform, pk)
    assert found.history is not None
    form = BackfillForm(found.history, request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            begin(endpoint, data["key"], data["days"], starts_loops=data["starts_loops"])
        except CannotBackfill as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "The backfill has begun. You may leave this page.")
        return redirect("endpoint_backfills", platform, pk)
    rows = list(endpoint.backfills.order_by("-started_at", "-pk")[:SHOWN_MAX])
    return render(
        request,
        "integrations/backfills.html",
        {
            **frame(request, endpoint, "/backfills"),
            "form": form,
            "rows": [
                {"row": row, "words": _words(row), "added": f"{row.added:,}", "known": f"{row.known:,}"} for row in rows
            ],
            "working": any(row.state == BackfillState.WORKING for row in rows),
            "days": found.history.days,
        },
    )


@admin_page
@require_POST
def stop_backfill(request: MemberRequest, platform: str, pk: int, backfill: int) -> HttpResponse:
    """End a backfill; what it has fetched stays."""
    endpoint, _ = _endpoint(request, platform, pk)
    if stop(get_object_or_404(endpoint.backfills, pk=backfill), database_now()):
        messages.success(request, "The backfill was stopped. What it had fetched stays.")
    else:
        messages.info(request, "The backfill had ended already.")
    return redirect("endpoint_backfills", platform, pk)


def _words(row: Backfill) -> str:
    """How far it has got, why it waits or failed, and what it leaves out."""
    working = row.state == BackfillState.WORKING
    reached = f"has got to {localtime(row.reached):%-d %b %Y, %H:%M}" if row.reached else "begins in a moment"
    again = f"asked again at {localtime(row.due_at):%H:%M:%S}" if working and row.trouble and row.due_at else ""
    passed = f"{row.passed_over:,} passed over: not wanted here" if row.passed_over else ""
    quiet = "" if row.starts_loops else "starts no loops"
    return sentence(row.trouble, again, reached if working else "", passed, quiet)


def _endpoint(request: MemberRequest, platform: str, pk: int) -> tuple[Endpoint, Platform]:
    """The endpoint, of a platform that gives out its past."""
    endpoint, (found, _) = endpoint_of(request, platform, pk), platform_of(platform)
    if found.history is None:
        raise Http404
    return endpoint, found
