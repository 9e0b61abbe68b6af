"""How people come in: the owner's one-time link, invitations, and the workspace that a member works in."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from cocoonmail.accounts.models import Invitation, Member, Role, User, Workspace
from cocoonmail.accounts.walls import across
from cocoonmail.kit.secrets import fingerprint, new_token

OWNER_LINK_LIFE = timedelta(days=7)
INVITATION_LIFE = timedelta(days=7)


class InvitationOver(ValueError):
    """This link was already used or has expired. Ask for a new one."""


def has_owner() -> bool:
    """Whether anybody can log in and manage this installation."""
    return Member.objects.filter(role=Role.OWNER).exists()


def new_owner_token(now: datetime) -> str:
    """A fresh one-time token that makes its bearer the owner; earlier unused owner tokens stop working."""
    token = new_token()
    with transaction.atomic():
        Invitation.objects.filter(role=Role.OWNER, used_at=None, email="").delete()
        Invitation.objects.create(
            workspace=_first_workspace(),
            token_hash=fingerprint(token),
            role=Role.OWNER,
            expires_at=now + OWNER_LINK_LIFE,
        )
    return token


def _first_workspace() -> Workspace | None:
    return Workspace.objects.order_by("pk").first()


def invite(workspace: Workspace, email: str, role: str, now: datetime) -> str:
    """A one-time token for one more member; a second invitation of the same address replaces the first."""
    token = new_token()
    with transaction.atomic():
        workspace.invitations.filter(email=email.lower(), used_at=None).delete()
        workspace.invitations.create(
            token_hash=fingerprint(token), email=email.lower(), role=role, expires_at=now + INVITATION_LIFE
        )
    return token


@across()
def open_invitation(token: str, now: datetime) -> Invitation:
    """The invitation behind a token. Raises InvitationOver when it was used, has expired or never was.

    An owner's from before there was a workspace is for the first that was made since, by a file perhaps.
    """
    unused = Invitation.objects.filter(token_hash=fingerprint(token), used_at=None, expires_at__gt=now)
    found = unused.select_related("workspace").first()
    if found is None:
        raise InvitationOver(InvitationOver.__doc__)
    found.workspace = found.workspace or _first_workspace()
    return found


@across()
@transaction.atomic
def accept(invitation: Invitation, user: User, workspace_name: str, now: datetime) -> Member:
    """Make the user a member and use the invitation up. Raises InvitationOver when somebody else was faster."""
    if not Invitation.objects.filter(pk=invitation.pk, used_at=None).update(used_at=now):
        raise InvitationOver(InvitationOver.__doc__)
    workspace = invitation.workspace or Workspace.objects.create(name=workspace_name)
    member, _ = Member.objects.update_or_create(workspace=workspace, user=user, defaults={"role": invitation.role})
    return member
