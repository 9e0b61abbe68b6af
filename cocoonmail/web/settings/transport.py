"""Settings: the way mail leaves, and a test of it that shows the whole conversation."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from cocoonmail.accounts.models import User, Workspace
from cocoonmail.emails.mime import Headers, build
from cocoonmail.emails.render import Rendered
from cocoonmail.emails.transport import transport_of
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.secrets import Unsealable, new_token
from cocoonmail.transports import (
    PROBE_TIMEOUTS,
    Accepted,
    Deferred,
    Envelope,
    Outcome,
    Refused,
    TransportSettings,
    Unknown,
    open_transport,
)
from cocoonmail.web.settings.forms import TransportForm
from cocoonmail.web.settings.frame import for_reading, frame
from cocoonmail.web.settings.provider import ProviderForm
from cocoonmail.web.shared.access import admin_page
from cocoonmail.web.shared.middleware import MemberRequest

# A person waits for the answer, and a second test does no harm.
TIMEOUTS = replace(PROBE_TIMEOUTS, data=20, block=20, dot=30)
SUBJECT = "Test from Cocoonmail"
WORDS = "Your transport works: this email left Cocoonmail and arrived here."


@admin_page
@never_cache
@sensitive_post_parameters("password", "token", "client_secret", "key")
@require_http_methods(["GET", "HEAD", "POST"])
def transport(request: MemberRequest) -> HttpResponse:
    """The transport's form."""
    workspace = Workspace.objects.get(pk=request.workspace.pk)
    form, provider = _forms(workspace, request)
    written = provider if provider.is_bound else form
    if request.method == "POST" and written.is_valid():
        workspace.save(update_fields=["transport_sealed"])
        kept = "Saved. Mail is captured." if not workspace.transport_sealed else "Saved. Send a test to see it work."
        messages.success(request, kept)
        return redirect("settings_transport")
    return _show(request, form, provider)


def _forms(workspace: Workspace, request: MemberRequest) -> tuple[TransportForm, ProviderForm]:
    """Both parts of the form, of which the one that was chosen is bound."""
    if request.POST.get("kind") != "esp":
        form = TransportForm(workspace, request.POST or None)
        return form, ProviderForm(workspace, form.stored)
    form = TransportForm(workspace)
    form.initial["kind"] = "esp"
    return form, ProviderForm(workspace, form.stored, request.POST)


@admin_page
@never_cache
@require_POST
def send_test(request: MemberRequest) -> HttpResponse:
    """Send one email to the member's own address through the stored transport, and show what the server said."""
    assert isinstance(request.user, User)
    form = TransportForm(request.workspace)
    provider = ProviderForm(request.workspace, form.stored)
    trouble = _not_ready(request.workspace, form)
    if trouble:
        return _show(request, form, provider, trouble=trouble)
    envelope = _letter(request.workspace, request.user.email)
    outcome = asyncio.run(_send(transport_of(request.workspace), envelope))
    return _show(request, form, provider, outcome=outcome)


def _show(
    request: MemberRequest,
    form: TransportForm,
    provider: ProviderForm,
    *,
    outcome: Outcome | None = None,
    trouble: str = "",
) -> HttpResponse:
    result = _in_words(outcome, request) if outcome else {}
    context = {
        **frame(request, "/settings/transport"),
        "form": for_reading(form, request),
        "provider": for_reading(provider, request),
        "saved": form.stored.kind != "capture",
        "unsealable": Unsealable.__doc__ if form.unsealable else "",
        "trouble": trouble,
        **result,
    }
    return render(request, "settings/transport.html", context)


def _not_ready(workspace: Workspace, form: TransportForm) -> str:
    """Why no test can be sent, "" when one can."""
    if form.unsealable or form.stored.kind == "capture":
        return "There is no server to test yet. Choose how mail is sent, save, and test then."
    return "" if workspace.sender_email else "Choose a sender first: a test needs an address to come from."


def _letter(workspace: Workspace, recipient: str) -> Envelope:
    rendered = Rendered(
        subject=SUBJECT,
        html=f"<p>{WORDS}</p>",
        text=WORDS,
        from_name=workspace.sender_name,
        from_email=workspace.sender_email,
        reply_to="",
        preview="",
    )
    domain = workspace.sender_email.rpartition("@")[2]
    headers = Headers(message_id=f"<{new_token()}@{domain}>", date=database_now(), to_email=recipient)
    return Envelope(workspace.sender_email, recipient, build(rendered, headers))


async def _send(settings: TransportSettings, envelope: Envelope) -> Outcome:
    """Both steps at once: a test is on no ledger."""
    way = open_transport(settings, TIMEOUTS)
    try:
        prepared = await way.prepare(envelope)
        return prepared if isinstance(prepared, Deferred | Refused) else await prepared.commit()
    finally:
        await way.aclose()


def _in_words(outcome: Outcome, request: MemberRequest) -> dict[str, str]:
    assert isinstance(request.user, User)
    match outcome:
        case Accepted(receipt=receipt):
            tone, title = "good", f"The server took it. Look into the inbox of {request.user.email}."
            words = receipt
        case Deferred(reason=words):
            tone, title = "bad", "It could not be sent."
        case Refused(reason=words):
            tone, title = "bad", "The server refused it."
        case Unknown(reason=words):
            tone, title = "warn", "No answer came after it was handed over: it may have arrived."
    return {"tone": tone, "said": title, "words": words, "conversation": outcome.conversation}
