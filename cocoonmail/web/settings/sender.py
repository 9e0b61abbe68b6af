"""Settings: who emails come from, the postal address, the workspace's name and time zone."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from cocoonmail.accounts.models import Member, Workspace
from cocoonmail.accounts.walls import across
from cocoonmail.web.settings.forms import SenderForm
from cocoonmail.web.settings.frame import for_reading, frame
from cocoonmail.web.shared.access import admin_page
from cocoonmail.web.shared.middleware import MemberRequest


@admin_page
@require_http_methods(["GET", "HEAD", "POST"])
def sender(request: MemberRequest) -> HttpResponse:
    """The sender's form; beside it, the workspaces of whoever has several."""
    # An own copy: the form writes into it even where it finds errors, and the frame shows the request's.
    workspace = Workspace.objects.get(pk=request.workspace.pk)
    form = SenderForm(request.POST or None, instance=workspace)
    if request.method == "POST" and form.is_valid():
        form.instance.save(update_fields=list(form.cleaned_data))
        messages.success(request, "Saved. Emails that are written from now on have this sender.")
        return redirect("settings")
    context = {**frame(request, "/settings"), "form": for_reading(form, request), "memberships": _memberships(request)}
    return render(request, "settings/sender.html", context)


@across()
def _memberships(request: MemberRequest) -> list[Member]:
    """Where else the reader works."""
    mine = Member.objects.filter(user=request.user).select_related("workspace")  # type: ignore[misc]
    return list(mine.order_by("workspace__name", "pk"))
