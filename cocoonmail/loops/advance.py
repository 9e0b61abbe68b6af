"""Make the moves: the only place where a run changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import prefetch_related_objects

from cocoonmail.emails.facts import facts_of
from cocoonmail.emails.models import EmailVersion, Message
from cocoonmail.kit.claims import settle
from cocoonmail.kit.rows import insert_rows
from cocoonmail.kit.secrets import new_token
from cocoonmail.loops.models import LoopState, Run, RunState
from cocoonmail.loops.steps import Continue, Send, Step, read_steps, step_after, take


def begin(runs: Sequence[Run], now: datetime) -> list[Message]:
    """Save new runs, each taken as far as it goes now, inside the caller's transaction. Returns their messages.

    A run whose loop is paused is saved where it begins. Raises IntegrityError when another worker began one meanwhile.
    """
    sendings = _walk_all([run for run in runs if run.loop.state == LoopState.LIVE], now)
    insert_rows(runs)
    return _write(sendings, now)


def advance(runs: Sequence[Run], now: datetime) -> list[Message]:
    """Take each run as far as it goes now, inside the caller's transaction. Returns the messages that were made.

    Raises kit.claims.LeaseLost when another worker took a run over.
    """
    prefetch_related_objects(runs, "version", "contact", "event", "workspace")
    sendings = _walk_all(runs, now)
    settle(runs, ["step", "state", "reason", "due_at", "attempts", "finished_at"])
    return _write(sendings, now)


class Sending(NamedTuple):
    """A run has come to a step that sends this published email."""

    run: Run
    step: str
    email: EmailVersion


def _walk_all(runs: Sequence[Run], now: datetime) -> list[Sending]:
    paths = {version.pk: read_steps(version.steps) for version in {run.version for run in runs}}
    emails = _email_versions(paths)
    return [sending for run in runs for sending in _walk(run, paths[run.version_id], emails, now)]


def _walk(run: Run, path: Sequence[Step], emails: Mapping[int, EmailVersion], now: datetime) -> list[Sending]:
    """Move one run on until it has to wait or has come to its end."""
    steps = {step.id: step for step in path}
    sendings = []
    run.due_at, run.attempts = now, 0
    while run.due_at == now and run.step:
        step = steps[run.step]
        match take(step, now):
            case Continue(due_at=due_at):
                run.due_at = due_at or now
            case Send(version=version):
                sendings.append(Sending(run, step.id, emails[version]))
        run.step = step_after(path, step.id)
    if not run.step and run.due_at == now:
        run.due_at, run.state, run.finished_at = None, RunState.FINISHED, now
    return sendings


def _write(sendings: Sequence[Sending], now: datetime) -> list[Message]:
    """The messages of the runs, which are saved by now; one that exists already is left as it is."""
    messages = [_message(*sending, now) for sending in sendings]
    insert_rows(messages, unless_there=True)
    return messages


def _message(run: Run, step: str, email: EmailVersion, now: datetime) -> Message:
    return Message(
        workspace_id=run.workspace_id,
        contact=run.contact,
        version=email,
        key=f"run:{run.pk}:{step}",
        loop_id=run.loop_id,
        run_id=run.pk,
        step=step,
        kind=email.compiled["kind"],
        to_email=run.contact.email,
        facts=facts_of(run.workspace, run.contact, run.event.properties),
        token=new_token(),
        test=run.event.test,
        due_at=now,
        created_at=now,
    )


def _email_versions(paths: Mapping[int, Sequence[Step]]) -> dict[int, EmailVersion]:
    wanted = {getattr(step, "version", None) for path in paths.values() for step in path}
    return EmailVersion.objects.in_bulk(wanted - {None})
