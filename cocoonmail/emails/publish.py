"""Publish an email: compile it once, keep the result unchanged for ever."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from cocoonmail.emails import freemail
from cocoonmail.emails.compose import Compiled, Draft, Format, Kind, Problem, compile_email
from cocoonmail.emails.models import Email, EmailVersion
from cocoonmail.emails.transport import server_of


def draft_of(email: Email) -> Draft:
    """What the author wrote, as the composer takes it."""
    return Draft(
        subject=email.subject,
        preview=email.preview,
        body=email.body,
        format=Format(email.format),
        kind=Kind(email.kind),
        from_name=email.from_name,
        from_email=email.from_email,
        reply_to=email.reply_to,
    )


def publish(email: Email, now: datetime) -> EmailVersion | list[Problem]:
    """The published form of an email, or what keeps it from being published. An unchanged email is published once."""
    server = server_of(email.workspace)
    compiled = compile_email(draft_of(email), server)
    if not isinstance(compiled, Compiled):
        return compiled
    if not compiled.from_email and (trouble := freemail.trouble(email.workspace.sender_email, server)):
        return [Problem("from_email", f"{trouble}, in Settings")]
    form = compiled.to_json()
    digest = hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()
    version, _ = EmailVersion.objects.get_or_create(
        workspace_id=email.workspace_id,
        email=email,
        digest=digest,
        defaults={"compiled": form, "name": email.name, "published_at": now},
    )
    return version
