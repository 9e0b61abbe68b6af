"""How a loop's draft differs from what runs, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cocoonmail.emails.compose import Compiled, compile_email
from cocoonmail.emails.models import Email, EmailVersion
from cocoonmail.emails.publish import draft_of
from cocoonmail.emails.transport import server_of
from cocoonmail.loops.models import Frequency, Loop
from cocoonmail.loops.steps import SendEmail, Step, Wait, read_steps


def unpublished(loop: Loop, emails: Mapping[int, Email]) -> list[str]:
    """What publishing would change, [] where nothing would or nothing was ever published.

    `emails` are the authored ones by id, at least those of the draft's steps.
    """
    if loop.published is None:
        return []
    return [*_entrance(loop), *_steps(read_steps(loop.published.steps), read_steps(loop.steps), emails)]


def _entrance(loop: Loop) -> Iterator[str]:
    published = loop.published
    assert published is not None
    if published.trigger_id != loop.trigger_id:
        yield f"it starts with {loop.trigger}" if loop.trigger else "it has no trigger"
    if published.frequency != loop.frequency:
        yield f"contacts enter {Frequency(loop.frequency).label.lower()}"


def _steps(old: Sequence[Step], new: Sequence[Step], emails: Mapping[int, Email]) -> Iterator[str]:
    before, after = {step.id: step for step in old}, {step.id: step for step in new}
    yield from _number("more", len(after.keys() - before.keys()))
    yield from _number("fewer", len(before.keys() - after.keys()))
    if [step.id for step in old if step.id in after] != [step.id for step in new if step.id in before]:
        yield "the steps have another order"
    versions = _versions(old)
    for id, step in after.items():
        if id in before:
            yield from _step(before[id], step, versions, emails)


def _step(
    was: Step, now: Step, versions: Mapping[int | None, EmailVersion], emails: Mapping[int, Email]
) -> Iterator[str]:
    if isinstance(was, Wait) and isinstance(now, Wait) and was != now:
        yield f"a wait is {'longer' if now.duration > was.duration else 'shorter'}"
    if isinstance(was, SendEmail) and isinstance(now, SendEmail):
        email = emails.get(now.email)
        if email is None:
            yield "an email is gone"
        elif _differs(versions.get(was.version), email):
            yield f"the email “{email.name}” reads differently"


def _number(what: str, count: int) -> Iterator[str]:
    if count:
        yield f"{count} {'step' if count == 1 else 'steps'} {what}"


def _versions(steps: Sequence[Step]) -> dict[int | None, EmailVersion]:
    wanted = [step.version for step in steps if isinstance(step, SendEmail) and step.version]
    return dict(EmailVersion.objects.in_bulk(wanted))


def _differs(version: EmailVersion | None, email: Email) -> bool:
    """Whether publishing the email would make another version; one that cannot be compiled was changed as well."""
    if version is None or version.email_id != email.pk:
        return True
    compiled = compile_email(draft_of(email), server_of(email.workspace))
    return not isinstance(compiled, Compiled) or compiled.to_json() != version.compiled
