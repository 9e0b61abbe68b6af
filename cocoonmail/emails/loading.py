"""What sending needs beside the messages themselves: workspaces, published emails, signing keys, limits."""

from __future__ import annotations

from collections.abc import Iterable

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails import signing
from cocoonmail.emails.limits import Limits
from cocoonmail.emails.models import EmailVersion, Message
from cocoonmail.emails.transport import limits_of
from cocoonmail.kit.secrets import Unsealable

VERSIONS_MAX = 500  # Published emails kept in memory; they never change

_versions: dict[int, EmailVersion] = {}


def load(messages: Iterable[Message]) -> list[Message]:
    """The messages with their workspaces and versions. To be called where the database may be waited for."""
    messages = list(messages)
    workspaces = Workspace.objects.in_bulk({message.workspace_id for message in messages})
    versions = _versions_of({message.version_id for message in messages})
    signing.refresh(workspaces)
    for message in messages:
        message.workspace = workspaces[message.workspace_id]
        message.version = versions[message.version_id]
    return messages


def _versions_of(ids: set[int]) -> dict[int, EmailVersion]:
    if missing := ids - _versions.keys():
        if len(_versions) + len(missing) > VERSIONS_MAX:
            _versions.clear()
        _versions.update(EmailVersion.objects.in_bulk(ids - _versions.keys()))
    return {pk: _versions[pk] for pk in ids}


def limited_workspaces() -> dict[int, Limits]:
    """The limits of every workspace that has any, by its id."""
    found = {}
    for workspace in Workspace.objects.exclude(transport_sealed="").only("transport_sealed", "domain_rates"):
        try:
            limits = limits_of(workspace)
        except Unsealable:
            # Its messages say so themselves when they are sent.
            continue
        if limits.transport is not None or limits.domains:
            found[workspace.pk] = limits
    return found
