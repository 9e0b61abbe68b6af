"""Unsubscribe: a page with a button for people, one POST for mail programs (RFC 8058), nothing at all for scanners.

The token is all that is needed and all that is believed: no cookie, no session, no CSRF token (RFC 8058 section 3.2).
A token that is not ours, or whose contact is gone, gets the same page in every case, so that nobody can ask with it
whether somebody is known here.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from cocoonmail.accounts.walls import inside
from cocoonmail.contacts import consent
from cocoonmail.contacts.models import Contact
from cocoonmail.emails.letters import read_unsubscribe_token
from cocoonmail.kit.clock import database_now

TOKEN_MAX = 200  # Characters; ours have at most 85
MASK = "•••"


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows a button and changes nothing; POST, from the button or a mail program, unsubscribes."""
    with inside(_workspace(token)):
        contact = _contact(token)
        if contact is None:
            return _nothing(request)
        if request.method == "POST":
            consent.unsubscribe(contact, database_now())
            return _page(request, "done", contact, token)
        return _page(request, "ask" if contact.subscribed else "done", contact, token)


@csrf_exempt
@never_cache
@require_POST
def resubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """For whoever pressed the button by mistake."""
    with inside(_workspace(token)):
        contact = _contact(token)
        if contact is None:
            return _nothing(request)
        consent.resubscribe(contact, database_now())
        return _page(request, "back", contact, token)


def _read(token: str) -> tuple[int, int, int] | None:
    return read_unsubscribe_token(token) if len(token) <= TOKEN_MAX else None


def _workspace(token: str) -> int | None:
    """The workspace that wrote the letter with this link; None where the token is not ours."""
    said = _read(token)
    return said[0] if said else None


def _contact(token: str) -> Contact | None:
    """Whose link this is. The contact must still be in the workspace that wrote to them."""
    said = _read(token)
    if said is None:
        return None
    workspace, contact, _ = said
    return Contact.objects.filter(workspace=workspace, pk=contact).select_related("workspace").first()


def _page(request: HttpRequest, state: str, contact: Contact, token: str) -> HttpResponse:
    values = {
        "state": state,
        "token": token,
        # Not `workspace`: that is the reader's own in the frame around pages, and this reader has none.
        "sender": contact.workspace.sender_name or contact.workspace.name,
        "masked": masked(contact.email),
    }
    return render(request, "letterbox/unsubscribe.html", values)


def _nothing(request: HttpRequest) -> HttpResponse:
    return render(request, "letterbox/nothing.html", status=404)


def masked(email: str) -> str:
    """Enough of an address for its owner to know it, too little for anybody else: `a•••@e•••.com`."""
    local, _, domain = email.rpartition("@")
    host, dot, end = domain.rpartition(".")
    return f"{local[:1]}{MASK}@{host[:1]}{MASK}{dot}{end}" if dot else f"{local[:1]}{MASK}@{domain[:1]}{MASK}"
