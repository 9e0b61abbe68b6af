"""Settings: the domains that mail is signed for, the records that their DNS needs, and what it says."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cocoonmail.emails import domains as pairs
from cocoonmail.emails.dkimkeys import in_strings
from cocoonmail.emails.domains import NotADomain, domain_name
from cocoonmail.emails.findings import Finding, check, keys_are_seen, read, stored
from cocoonmail.emails.models import SendingDomain
from cocoonmail.kit.clock import database_now
from cocoonmail.web.settings.forms import DomainForm
from cocoonmail.web.settings.frame import for_reading, frame
from cocoonmail.web.shared.access import admin_page
from cocoonmail.web.shared.middleware import MemberRequest

TITLES = {"rsa": "RSA key", "ed25519": "Ed25519 key", "spf": "SPF", "dmarc": "DMARC"}
WHAT_FOR = {
    "rsa": "2048 bits. Every receiver verifies it.",
    "ed25519": "Short and modern. Receivers that do not know it use the other one.",
}


@admin_page
@require_http_methods(["GET", "HEAD", "POST"])
def domains(request: MemberRequest) -> HttpResponse:
    """All key pairs; POST makes one for another domain."""
    form = DomainForm(request.POST or None, initial={"domain": _suggested(request)})
    if request.method == "POST" and form.is_valid():
        try:
            made = pairs.add_pair(request.workspace, form.cleaned_data["domain"], database_now())
            return redirect("domain", made.pk)
        except NotADomain as trouble:
            form.add_error("domain", str(trouble))
    mine = SendingDomain.objects.filter(workspace=request.workspace).order_by("domain", "-enabled", "-pk")
    rows = [{"pair": pair, "state": _state(pair)} for pair in mine]
    context = {**frame(request, "/settings/domains"), "form": for_reading(form, request), "rows": rows}
    return render(request, "settings/domains.html", context)


def _suggested(request: MemberRequest) -> str:
    """The sender's domain, while nothing signs for it."""
    try:
        domain = domain_name(request.workspace.sender_email)
    except NotADomain:
        return ""
    return "" if SendingDomain.objects.filter(workspace=request.workspace, domain=domain).exists() else domain


def _state(pair: SendingDomain) -> str:
    if pair.enabled:
        return "signs"
    return "ready" if keys_are_seen(read(pair.findings)) else "to_publish"


@admin_page
@require_safe
def domain(request: MemberRequest, pk: int) -> HttpResponse:
    """One key pair: the records to add, what the DNS said, and the switch."""
    pair = _pair(request, pk)
    findings = read(pair.findings)
    signing = pairs.signing_pair(pair)
    context = {
        **frame(request, "/settings/domains"),
        "pair": pair,
        "state": _state(pair),
        "seen": keys_are_seen(findings),
        "other": signing if signing and signing.pk != pair.pk else None,
        "records": [_record(record, findings) for record in pairs.records_of(pair)],
        "hints": [_hint(about, findings) for about in ("spf", "dmarc")],
        "destroys": _destroys(pair),
    }
    return render(request, "settings/domain.html", context)


def _record(record: pairs.Record, findings: list[Finding]) -> dict[str, Any]:
    return {
        **_hint(record.kind, findings),
        "host": record.host,
        "name": record.name,
        "value": record.value,
        "line": f"{record.name}. IN TXT {in_strings(record.value)}",
        "what_for": WHAT_FOR[record.kind],
    }


def _hint(about: str, findings: list[Finding]) -> dict[str, Any]:
    finding = next((one for one in findings if one.about == about), None)
    state, words = (finding.state.value, finding.words) if finding else ("unchecked", "")
    return {"title": TITLES[about], "state": state, "words": words}


def _destroys(pair: SendingDomain) -> list[str]:
    signs = [f"the signature on mail from {pair.domain}, from now on"] if pair.enabled else []
    return [f"the private keys {pair.selector}r and {pair.selector}e, which nobody can bring back", *signs]


@admin_page
@require_POST
def check_dns(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask the DNS, keep what it says."""
    pair = _pair(request, pk)
    findings = check(pair.domain, pairs.records_of(pair))
    pair.findings, pair.checked_at = stored(findings), database_now()
    pair.save(update_fields=["findings", "checked_at"])
    if keys_are_seen(findings):
        words = "Both keys are in the DNS." if pair.enabled else "Both keys are in the DNS: you can switch signing on."
        messages.success(request, words)
    else:
        messages.warning(request, "Not both keys are in the DNS yet. What was found stands beside each.")
    return redirect("domain", pk)


@admin_page
@require_POST
def turn_on(request: MemberRequest, pk: int) -> HttpResponse:
    """Sign with this pair; where its keys were not seen in the DNS, only with the word `anyway`."""
    pair = _pair(request, pk)
    if not keys_are_seen(read(pair.findings)) and request.POST.get("anyway") != "yes":
        messages.error(request, "Nothing was switched on: the keys were not seen in the DNS. Check the DNS first.")
    else:
        pairs.switch_on(pair)
        messages.success(request, f"Mail from {pair.domain} is signed with {pair.selector} within some seconds.")
    return redirect("domain", pk)


@admin_page
@require_POST
def turn_off(request: MemberRequest, pk: int) -> HttpResponse:
    """Sign with this pair no more."""
    pair = _pair(request, pk)
    pairs.switch_off(pair)
    messages.success(request, f"Mail from {pair.domain} is not signed any more.")
    return redirect("domain", pk)


@admin_page
@require_POST
def rotate(request: MemberRequest, pk: int) -> HttpResponse:
    """Make the pair that takes over; this one signs until the new one is switched on."""
    pair = _pair(request, pk)
    try:
        made = pairs.add_pair(request.workspace, pair.domain, database_now())
    except NotADomain as trouble:
        messages.error(request, str(trouble))
        return redirect("domain", pk)
    messages.success(request, "Here is a new key pair. Add its records, then switch it on; until then nothing changes.")
    return redirect("domain", made.pk)


@admin_page
@require_POST
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    """Destroy a key pair."""
    pair = _pair(request, pk)
    pair.delete()
    messages.success(
        request, f"The key pair {pair.selector} of {pair.domain} is gone. Its DNS records can go in a week."
    )
    return redirect("settings_domains")


def _pair(request: MemberRequest, pk: int) -> SendingDomain:
    return get_object_or_404(SendingDomain, workspace=request.workspace, pk=pk)
