"""Settings: how quickly mail may go to a recipient domain."""

from __future__ import annotations

from django.contrib import messages
from django.db import connection, transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from cocoonmail.accounts.models import Workspace
from cocoonmail.web.settings.forms import LimitForm
from cocoonmail.web.settings.frame import frame
from cocoonmail.web.shared.access import admin_page
from cocoonmail.web.shared.middleware import MemberRequest


@admin_page
@require_http_methods(["GET", "HEAD", "POST"])
def limits(request: MemberRequest) -> HttpResponse:
    """The list; POST sets one domain's limit, whether it had one or not."""
    if request.method != "POST":
        return _show(request, LimitForm(request.workspace))
    with transaction.atomic():
        workspace = _locked(request)
        form = LimitForm(workspace, request.POST)
        if not form.is_valid():
            return _show(request, form)
        workspace.domain_rates = form.rates
        workspace.save(update_fields=["domain_rates"])
    domain = form.cleaned_data["domain"]
    messages.success(request, f"Mail to {domain} leaves at {form.rates[domain]:g} a second at most.")
    return redirect("settings_limits")


@admin_page
@require_POST
def remove(request: MemberRequest) -> HttpResponse:
    """Let mail to a domain leave as quickly as the transport takes it."""
    domain = request.POST.get("domain", "")
    with transaction.atomic():
        workspace = _locked(request)
        if workspace.domain_rates.pop(domain, None) is not None:
            workspace.save(update_fields=["domain_rates"])
            messages.success(request, f"Mail to {domain} has no limit of its own any more.")
    return redirect("settings_limits")


def _show(request: MemberRequest, form: LimitForm) -> HttpResponse:
    rates = [(domain, f"{rate:g}") for domain, rate in sorted(form.workspace.domain_rates.items())]
    return render(request, "settings/limits.html", {**frame(request, "/settings/limits"), "form": form, "rates": rates})


def _locked(request: MemberRequest) -> Workspace:
    """The workspace as it is now, ours until the commit: two who add a limit at once both keep theirs."""
    rows = Workspace.objects.filter(pk=request.workspace.pk)
    return (rows.select_for_update() if connection.features.has_select_for_update else rows).get()
