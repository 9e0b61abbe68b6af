"""What every page gets: headers that fence it in, the workspace that its reader works in, and walls around it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from cocoonmail.accounts.models import Member, Workspace
from cocoonmail.accounts.walls import across, inside, walled

GetResponse = Callable[[HttpRequest], HttpResponse]

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)


def walls(get_response: GetResponse) -> GetResponse:
    """Nothing of any workspace can be read or written, until it is known who asks."""

    def respond(request: HttpRequest) -> HttpResponse:
        with walled():
            return get_response(request)

    return respond


def security_headers(get_response: GetResponse) -> GetResponse:
    """Headers against injected scripts and framing; a view that needs others sets them itself."""

    def respond(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response

    return respond


class MemberRequest(HttpRequest):
    """A request by a member: `workspace` is where they work, `member` what they may do there."""

    workspace: Workspace
    member: Member


def workspace_of_the_request(get_response: GetResponse) -> GetResponse:
    """Put the member and their workspace on the request, None for everybody else; show times in its zone."""

    def respond(request: HttpRequest) -> HttpResponse:
        member = _member(request)
        whole = cast(MemberRequest, request)
        whole.member = member  # type: ignore[assignment]
        whole.workspace = member.workspace if member else None  # type: ignore[assignment]
        with inside(member.workspace_id if member else None):
            with timezone.override(_zone(member.workspace if member else None)):
                return get_response(request)

    return respond


def _zone(workspace: Workspace | None) -> ZoneInfo | None:
    """The workspace's time zone; the installation's where there is none, or none of that name any more."""
    with suppress(ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(workspace.time_zone) if workspace else None
    return None


def _member(request: HttpRequest) -> Member | None:
    """The membership chosen in this session, else the first one. Read anew each time: a removal counts at once."""
    if request.path.startswith("/static/") or not request.user.is_authenticated:
        return None
    memberships = Member.objects.filter(user=request.user).select_related("workspace").order_by("pk")
    chosen = request.session.get("workspace")
    with across():
        return memberships.filter(workspace=chosen).first() or memberships.first()
