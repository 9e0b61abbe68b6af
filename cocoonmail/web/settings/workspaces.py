"""Change from one workspace to another."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from cocoonmail.accounts.models import Member
from cocoonmail.accounts.walls import across


# Whatever their role there: this changes nothing but what they see.
@login_required
@require_POST
def enter(request: HttpRequest, pk: int) -> HttpResponse:
    """Work in this workspace from now on."""
    with across():
        member = get_object_or_404(Member, user=request.user, workspace=pk)
    request.session["workspace"] = member.workspace_id
    return redirect("home")
