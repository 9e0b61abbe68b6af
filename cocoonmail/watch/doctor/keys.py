"""The installation's key: who can read its file, and whether it opens what was sealed with it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.domains import keys_of
from cocoonmail.emails.models import SendingDomain
from cocoonmail.emails.transport import transport_url
from cocoonmail.intake.models import SigningSecret
from cocoonmail.kit.secrets import Unsealable
from cocoonmail.watch.doctor.finding import Finding, ok, problem, warning
from cocoonmail.watch.doctor.storage import data_folder

REMEDY = "Add the key that they were sealed with as one more line of secret.key, or enter them anew."


def keys() -> Iterator[Finding]:
    """The file, and all secrets that are stored."""
    file = data_folder() / "secret.key"
    if os.environ.get("COCOONMAIL_SECRET_KEY"):
        yield ok("keys", "The secret key comes from COCOONMAIL_SECRET_KEY.")
    elif file.exists():
        yield from permissions(file, stat.S_IMODE(file.stat().st_mode))
    yield from sealed()


def permissions(file: Path, mode: int) -> Iterator[Finding]:
    """`mode` are the file's permission bits."""
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        words = f"Everybody on this machine can read {file} (mode {mode:03o})."
        yield problem("keys", words, f"chmod 600 {file}, and make a new key if others work here.")
    elif mode & (stat.S_IRGRP | stat.S_IWGRP):
        words = f"The group of {file} can read it (mode {mode:03o})."
        yield warning("keys", words, f"chmod 600 {file}, unless only Cocoonmail is in that group.")
    else:
        yield ok("keys", "Only its owner can read secret.key.")


def sealed() -> Iterator[Finding]:
    """Whether the key opens each signing secret, transport and DKIM key."""
    stored: list[tuple[str, Callable[[], object]]] = [
        *(("signing secrets", secret.reveal) for secret in SigningSecret.objects.all()),
        *(("transports", lambda one=one: transport_url(one)) for one in Workspace.objects.exclude(transport_sealed="")),
        *(("DKIM keys", lambda one=one: keys_of(one)) for one in SendingDomain.objects.all()),
    ]
    closed = [what for what, reveal in stored if not _opens(reveal)]
    for what in dict.fromkeys(closed):
        yield problem("keys", f"{closed.count(what)} stored {what} cannot be opened with the secret key.", REMEDY)
    if stored and not closed:
        yield ok("keys", f"The secret key opens all {len(stored)} stored secrets.")


def _opens(reveal: Callable[[], object]) -> bool:
    try:
        reveal()
    except Unsealable:
        return False
    return True
