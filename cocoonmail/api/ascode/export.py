"""Write a workspace as a file that `apply` reads."""

from __future__ import annotations

from typing import Any

import yaml

from cocoonmail.accounts.keeping import KEEPINGS
from cocoonmail.accounts.models import Workspace
from cocoonmail.api.ascode.loops import GALLERY, PARTS
from cocoonmail.api.ascode.spec import shown_duration
from cocoonmail.contacts.models import ContactProperty
from cocoonmail.emails.models import Email
from cocoonmail.emails.transport import transport_url
from cocoonmail.intake.models import Endpoint, EventChoice
from cocoonmail.loops.models import Loop
from cocoonmail.loops.steps import SendEmail, Step, Wait, read_steps
from cocoonmail.transports import parse_transport_url, to_url


def export(workspace: Workspace, *, with_secrets: bool = False) -> str:
    """The workspace as YAML. Signing secrets and the transport's password are left out unless asked for."""
    properties = ContactProperty.objects.filter(workspace=workspace).order_by("name")
    form = {
        "workspace": workspace.name,
        "sender": _without_blanks(
            {"name": workspace.sender_name, "email": workspace.sender_email, "reply_to": workspace.reply_to}
        ),
        "address": workspace.address,
        "time_zone": workspace.time_zone,
        "transport": to_url(parse_transport_url(transport_url(workspace)), with_password=with_secrets),
        "domain_rates": dict(sorted(workspace.domain_rates.items())),
        "keep": {keeping.name: getattr(workspace, keeping.field) for keeping in KEEPINGS},
        "properties": {row.name: row.type for row in properties},
        "endpoints": [_endpoint(row, with_secrets) for row in workspace.endpoints.order_by("pk")],
        "loops": [_loop(row) for row in Loop.objects.filter(workspace=workspace, trigger__isnull=False).order_by("pk")],
    }
    if not workspace.sender_email:
        del form["sender"]
    return yaml.safe_dump(form, sort_keys=False, allow_unicode=True, width=110)


def _endpoint(endpoint: Endpoint, with_secrets: bool) -> dict[str, Any]:
    form: dict[str, Any] = {"name": endpoint.name, "platform": endpoint.platform}
    if with_secrets:
        form["secrets"] = [secret.reveal() for secret in endpoint.secrets.order_by("pk")]
    form |= {name: getattr(endpoint, name) for name in ("user_group", "enabled", "process_test", "connect")}
    form["events"] = {row.type: _wish(row) for row in endpoint.choices.filter(enabled=True).order_by("pk")}
    return form


def _wish(choice: EventChoice) -> str | dict[str, Any] | None:
    """The shortest form that says it."""
    plain = choice.sync_names and not choice.noise_triggers and choice.removal == "keep" and not choice.condition
    if plain:
        return choice.trigger or None
    names = ("sync_names", "noise_triggers", "removal", "condition")
    return {"trigger": choice.trigger or None, **{name: getattr(choice, name) for name in names}}


def _loop(loop: Loop) -> dict[str, Any]:
    assert loop.trigger is not None
    return {
        "name": loop.name,
        "trigger": {"event": loop.trigger.name},
        "frequency": loop.frequency,
        "state": loop.state,
        "unknown": loop.unknown_policy,
        "steps": [_step(step) for step in read_steps(loop.steps)],
    }


def _step(step: Step) -> dict[str, Any]:
    match step:
        case Wait(duration=duration):
            return {"wait": shown_duration(duration)}
        case SendEmail(email=pk):
            return {"email": _email(Email.objects.get(pk=pk))}


def _email(email: Email) -> dict[str, Any]:
    """What differs from the template the email began as; all of it where there is none."""
    template = GALLERY.get(email.template)
    form: dict[str, Any] = {"template": email.template} if template else {}
    if template is None or email.name != template.title:
        form["name"] = email.name
    for part in PARTS:
        value = getattr(email, part)
        if template is None or value != str(getattr(template.draft, part)):
            form[part] = value
    return form if template else _without_blanks(form)


def _without_blanks(form: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in form.items() if value}
