"""Steps in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from cocoonmail.emails.models import Email
from cocoonmail.loops.steps import SendEmail, Step, Wait

_TAG = re.compile(r"\{\{-?\s*([\w.]+)[^}]*\}\}")
SPANS = [(86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]


def lasting(duration: timedelta) -> str:
    """A duration in words: `Immediately`, `3 days`, `1 hour 30 minutes`."""
    left, words = int(duration.total_seconds()), []
    for size, name in SPANS:
        number, left = divmod(left, size)
        if number:
            words.append(f"{number} {name}{'' if number == 1 else 's'}")
    return " ".join(words) or "Immediately"


def title_of(step: Step, emails: Mapping[int, Email]) -> str:
    """What a step does, in a few words."""
    match step:
        case Wait(duration=duration):
            return lasting(duration)
        case SendEmail(email=email):
            return line_of(emails[email]) if email in emails else "This email is gone"


def line_of(email: Email) -> str:
    """An email's subject as people say it, `Welcome, {firstName}`; its name, where parts of the subject come and go."""
    if not email.subject or "{%" in email.subject:
        return email.name
    return _TAG.sub(lambda tag: f"{{{tag[1].rpartition('.')[2]}}}", email.subject)


def called(step: Step, emails: Mapping[int, Email]) -> str:
    """A step as part of a sentence: `Send email “Welcome”`, `Wait 3 days`."""
    match step:
        case Wait(duration=duration):
            return f"Wait {lasting(duration)}" if duration else "Wait 0"
        case SendEmail():
            return f"Send email “{title_of(step, emails)}”"
