"""Make a workspace look like its file, and say what changed. Twice is the same as once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import models, transaction
from msgspec import UNSET, UnsetType

from cocoonmail.accounts.keeping import BadKeeping, read_days
from cocoonmail.accounts.models import Workspace
from cocoonmail.api.ascode.loops import apply_loop
from cocoonmail.api.ascode.report import Report
from cocoonmail.api.ascode.spec import BadFile, EndpointSpec, EventWish, WorkspaceSpec, secret_text
from cocoonmail.contacts.models import ContactProperty
from cocoonmail.contacts.record import event_names
from cocoonmail.emails.limits import BadLimit, read_domain_rates
from cocoonmail.emails.transport import set_transport, transport_url
from cocoonmail.intake.conditions import BadCondition, read_condition
from cocoonmail.intake.models import Endpoint, EventChoice, SigningSecret
from cocoonmail.platforms import PLATFORMS
from cocoonmail.transports import keep_secrets, parse_transport_url, to_url


def apply(spec: WorkspaceSpec, now: datetime, *, dry_run: bool = False) -> Report:
    """Change what differs, all of it or nothing. Raises BadFile, and changes nothing, for what cannot be."""
    with transaction.atomic():
        report = Report(dry_run)
        workspace = _workspace(spec, report)
        for name, type_ in spec.properties.items():
            _property(workspace, name, type_, report)
        for endpoint in spec.endpoints:
            _endpoint(workspace, endpoint, report, now)
        for loop in spec.loops:
            apply_loop(workspace, loop, report, now)
        _mention_others(workspace, spec, report)
        if dry_run:
            transaction.set_rollback(True)
    return report


def _workspace(spec: WorkspaceSpec, report: Report) -> Workspace:
    """The workspace of this name; the only one there is takes the name."""
    workspace = Workspace.objects.filter(name=spec.workspace).first()
    if workspace is None and Workspace.objects.count() == 1:
        workspace = Workspace.objects.get()
    if workspace is None:
        workspace = Workspace.objects.create(name=spec.workspace)
        report.add(f"workspace {spec.workspace}: created")
    wanted: dict[str, Any] = {"name": spec.workspace, "address": spec.address, "time_zone": spec.time_zone}
    wanted["domain_rates"] = _domain_rates(spec)
    wanted |= _days(spec)
    if spec.sender is not UNSET:
        sender = spec.sender
        wanted |= {"sender_name": sender.name, "sender_email": sender.email, "reply_to": sender.reply_to}
    report.update(f"workspace {spec.workspace}", workspace, wanted)
    if spec.transport is not UNSET:
        _transport(workspace, spec.transport, report)
    return workspace


def _domain_rates(spec: WorkspaceSpec) -> dict[str, float] | UnsetType:
    if spec.domain_rates is UNSET:
        return UNSET
    try:
        return read_domain_rates(spec.domain_rates)
    except BadLimit as error:
        raise BadFile(f"domain_rates: {error}") from error


def _days(spec: WorkspaceSpec) -> dict[str, int]:
    if spec.keep is UNSET:
        return {}
    try:
        return read_days(msgspec.structs.asdict(spec.keep))
    except BadKeeping as error:
        raise BadFile(f"keep: {error}") from error


def _transport(workspace: Workspace, url: str, report: Report) -> None:
    """A URL without its secrets, such as an export writes it, keeps those that are stored for the same account."""
    try:
        stored = parse_transport_url(transport_url(workspace))
        asked = keep_secrets(parse_transport_url(url), stored)
        set_transport(workspace, to_url(asked, with_password=True))
    except ValueError as error:
        raise BadFile(f"transport: {error}") from error
    if asked != stored:
        workspace.save(update_fields=["transport_sealed"])
        report.add(f"transport: {to_url(asked)}")


def _property(workspace: Workspace, name: str, type_: str, report: Report) -> None:
    row, made = ContactProperty.objects.get_or_create(workspace=workspace, name=name, defaults={"type": type_})
    if made:
        report.add(f"contact property {name}: created")
    report.update(f"contact property {name}", row, {"type": type_})


def _endpoint(workspace: Workspace, spec: EndpointSpec, report: Report, now: datetime) -> None:
    if spec.platform not in PLATFORMS:
        raise BadFile(f"Endpoint {spec.name}: there is no platform {spec.platform!r}, only {', '.join(PLATFORMS)}.")
    endpoint, made = Endpoint.objects.get_or_create(workspace=workspace, platform=spec.platform, name=spec.name)
    label = f"endpoint {spec.name}"
    if made:
        report.add(f"{label}: created")
    names = ("user_group", "enabled", "process_test", "connect")
    report.update(label, endpoint, {name: getattr(spec, name) for name in names})
    if spec.secrets is not UNSET:
        _secrets(endpoint, [secret_text(text) for text in spec.secrets], report)
    _choices(endpoint, spec, report, now)
    report.urls[spec.name] = "" if made and report.dry_run else f"{settings.BASE_URL}{endpoint.path}"


def _secrets(endpoint: Endpoint, wanted: list[str], report: Report) -> None:
    stored = {secret.reveal(): secret for secret in endpoint.secrets.all()}
    for text in wanted:
        if text not in stored:
            SigningSecret.of(endpoint, text).save()
            report.add(f"endpoint {endpoint.name}: secret …{text[-4:]} added")
    for text in stored.keys() - set(wanted):
        stored[text].delete()
        report.add(f"endpoint {endpoint.name}: secret …{text[-4:]} removed")


def _choices(endpoint: Endpoint, spec: EndpointSpec, report: Report, now: datetime) -> None:
    known = PLATFORMS[spec.platform].events
    for type_, wish in spec.events.items():
        if type_ not in known:
            raise BadFile(f"Endpoint {spec.name}: {type_} is no event that can be used. These can: {', '.join(known)}.")
        _choice(endpoint, type_, wish if isinstance(wish, EventWish) else EventWish(trigger=wish), report, now)
    for choice in endpoint.choices.filter(enabled=True).exclude(type__in=spec.events):
        report.update(f"endpoint {endpoint.name}, {choice.type}", choice, {"enabled": False})


def _choice(endpoint: Endpoint, type_: str, wish: EventWish, report: Report, now: datetime) -> None:
    try:
        condition = read_condition(wish.condition)
    except BadCondition as error:
        raise BadFile(f"Endpoint {endpoint.name}, {type_}: {error}") from error
    choice = endpoint.choices.filter(type=type_).first()
    choice = choice or EventChoice(endpoint=endpoint, workspace_id=endpoint.workspace_id, type=type_, enabled=False)
    if wish.trigger:
        event_names({(endpoint.workspace_id, wish.trigger)}, now)
    wanted = {
        "enabled": True,
        "trigger": wish.trigger or "",
        "sync_names": wish.sync_names,
        "noise_triggers": wish.noise_triggers,
        "removal": wish.removal,
        "condition": condition,
    }
    report.update(f"endpoint {endpoint.name}, {type_}", choice, wanted)


def _mention_others(workspace: Workspace, spec: WorkspaceSpec, report: Report) -> None:
    """What the file does not speak of is left alone; the operator hears of it."""
    _mention("endpoint", workspace.endpoints.all(), [endpoint.name for endpoint in spec.endpoints], report)
    if spec.loops:
        loops = workspace.loop_set.all()
        _mention("loop", loops, [loop.name for loop in spec.loops], report)


def _mention(what: str, rows: Iterable[models.Model], listed: list[str], report: Report) -> None:
    others = [str(row) for row in rows if str(row) not in listed]
    report.left_alone += [f"{what} {name}" for name in others]
