"""Settings: who may come in, as what; the one-time links that let people in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from cocoonmail.accounts.enter import INVITATION_LIFE, invite
from cocoonmail.accounts.models import Member, Role, Workspace
from cocoonmail.kit.clock import database_now
from cocoonmail.web.settings.forms import InviteForm
from cocoonmail.web.settings.frame import frame
from cocoonmail.web.shared.access import ADMINS, admin_page
from cocoonmail.web.shared.middleware import MemberRequest

LAST_OWNER = "A workspace keeps at least one owner. Make somebody else an owner first."
WHAT_ROLES_MAY = {
    Role.OWNER: "everything, and choose other owners",
    Role.ADMIN: "settings, members, integrations",
    Role.EDITOR: "loops, emails, contacts",
    Role.VIEWER: "look, and change nothing",
}


@admin_page
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def members(request: MemberRequest) -> HttpResponse:
    """The list; POST invites one more and shows their link, this once."""
    form = InviteForm(request.workspace, _roles_to_give(request), request.POST or None)
    link = ""
    if request.method == "POST" and form.is_valid():
        token = invite(request.workspace, form.cleaned_data["email"], form.cleaned_data["role"], database_now())
        link = f"{settings.BASE_URL}/welcome/{token}"
    return _show(request, form, link)


def _show(request: MemberRequest, form: InviteForm, link: str = "") -> HttpResponse:
    people = request.workspace.members.select_related("user").order_by("joined_at", "pk")
    open_links = request.workspace.invitations.filter(used_at=None, expires_at__gt=database_now()).exclude(email="")
    context = {
        **frame(request, "/settings/members"),
        "form": form if not link else InviteForm(request.workspace, _roles_to_give(request)),
        "link": link,
        "invited": form.cleaned_data["email"] if link else "",
        "days": INVITATION_LIFE.days,
        "rows": [_row(request, one) for one in people],
        "invitations": list(open_links.order_by("-created_at", "-pk")),
        "roles": [(Role(role).label, words) for role, words in WHAT_ROLES_MAY.items()],
    }
    return render(request, "settings/members.html", context)


def _row(request: MemberRequest, member: Member) -> dict[str, Any]:
    return {
        "member": member,
        "you": member.pk == request.member.pk,
        "may_change": _may_touch(request, member),
        "roles": _roles_to_give(request),
        "number": str(member.pk),
        **_question(request, member),
    }


def _question(request: MemberRequest, member: Member) -> dict[str, str]:
    """What is asked before somebody goes."""
    if member.pk == request.member.pk:
        what = "You lose access to this workspace at once. Somebody else has to invite you again."
        return {"verb": "Leave", "question": f"Leave {request.workspace}?", "what": what}
    what = "They lose access to this workspace with their next click. What they made stays."
    return {"verb": "Remove", "question": f"Remove {member.user}?", "what": what}


@admin_page
@require_POST
def change_role(request: MemberRequest, pk: int) -> HttpResponse:
    """Give a member another role; it counts from their next click on."""
    with transaction.atomic():
        member = _member(request, pk)
        role = request.POST.get("role", "")
        if role not in dict(_roles_to_give(request)):
            raise PermissionDenied("Only an owner can make somebody an owner.")
        if role != Role.OWNER and _is_last_owner(member):
            messages.error(request, LAST_OWNER)
        else:
            member.role = role
            member.save(update_fields=["role"])
            messages.success(request, f"{member.user} is {Role(role).label.lower()} now.")
    return redirect("settings_members")


@admin_page
@require_POST
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    """Shut a member out of this workspace, from their next click on. Their account stays."""
    with transaction.atomic():
        member = _member(request, pk)
        if _is_last_owner(member):
            messages.error(request, LAST_OWNER)
            return redirect("settings_members")
        member.delete()
    if member.user == request.user:
        return redirect("home")
    messages.success(request, f"{member.user} has no access to this workspace any more.")
    return redirect("settings_members")


@admin_page
@require_POST
def withdraw(request: MemberRequest, pk: int) -> HttpResponse:
    """Make a link that nobody used yet stop working."""
    open_links = request.workspace.invitations.filter(used_at=None).exclude(email="")
    invitation = get_object_or_404(open_links, pk=pk)
    invitation.delete()
    messages.success(request, f"The link for {invitation.email} does not work any more.")
    return redirect("settings_members")


def _member(request: MemberRequest, pk: int) -> Member:
    """A member of this workspace whom the reader may change. Raises Http404 and PermissionDenied.

    The workspace's owners are locked, so that two of them cannot remove each other at the same moment.
    """
    mine = Member.objects.filter(workspace=request.workspace).select_related("user")
    member = get_object_or_404(mine, pk=pk)
    _owners(request.workspace)
    if not _may_touch(request, member):
        raise PermissionDenied("Only an owner can change what an owner may do.")
    return member


def _owners(workspace: Workspace) -> list[int]:
    owners = Member.objects.filter(workspace=workspace, role=Role.OWNER).order_by("pk")
    if connection.features.has_select_for_update:
        owners = owners.select_for_update()
    return list(owners.values_list("pk", flat=True))


def _is_last_owner(member: Member) -> bool:
    return _owners(member.workspace) == [member.pk]


def _may_touch(request: MemberRequest, member: Member) -> bool:
    """Owners may change everybody; admins everybody but owners."""
    return request.member.role == Role.OWNER or (request.member.role in ADMINS and member.role != Role.OWNER)


def _roles_to_give(request: MemberRequest) -> list[tuple[str, str]]:
    """Nobody gives more than they have."""
    own = request.member.role == Role.OWNER
    return [(role, label) for role, label in Role.choices if own or role != Role.OWNER]
