"""The ways in: the owner's first visit, and invitations."""

from __future__ import annotations

from django.contrib.auth import login
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from cocoonmail.accounts.enter import InvitationOver, accept, open_invitation
from cocoonmail.accounts.models import Invitation, User
from cocoonmail.kit.clock import database_now
from cocoonmail.web.accounts.forms import WelcomeForm


@never_cache
@sensitive_post_parameters("password")
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """Come in by a one-time link: create an account, or join with the one that is logged in."""
    now = database_now()
    try:
        invitation = open_invitation(token, now)
        if request.user.is_authenticated and invitation.email in ("", request.user.email):
            return _join(request, invitation)
        return _create(request, invitation)
    except InvitationOver as over:
        return render(request, "accounts/over.html", {"reason": str(over)}, status=410)


def _create(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    form = WelcomeForm(invitation, request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/welcome.html", {"form": form, "invitation": invitation})
    data = form.cleaned_data
    try:
        with transaction.atomic():
            user = User.objects.create_user(data["email"], data["password"], first_name=data["name"])
            accept(invitation, user, data.get("workspace", ""), database_now())
    except IntegrityError as twice:
        # The same form was sent twice at the same moment, and the other one came first.
        raise InvitationOver(InvitationOver.__doc__) from twice
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return redirect("home")


def _join(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    """Somebody who has an account here joins one more workspace."""
    assert isinstance(request.user, User)
    if request.method != "POST":
        return render(request, "accounts/join.html", {"invitation": invitation})
    member = accept(invitation, request.user, "Workspace", database_now())
    request.session["workspace"] = member.workspace_id
    return redirect("home")


def no_workspace(request: HttpRequest) -> HttpResponse:
    """A user who is in no workspace any more."""
    return render(request, "accounts/no_workspace.html")


def closed(request: HttpRequest) -> HttpResponse:
    """Nobody signs up by themselves."""
    return redirect("account_login")
