"""All checks, in the order in which their findings are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import Error as DatabaseError

from cocoonmail.watch.doctor import clocks, keys, mail, privacy, proxy, space, storage, versions, walls, work
from cocoonmail.watch.doctor.finding import Finding, Level, problem

Check = Callable[[], Iterator[Finding]]

# The first says whether there is a database to ask.
CHECKS: tuple[Check, ...] = (
    work.migrations,
    storage.storage,
    versions.versions,
    walls.walls,
    clocks.clocks,
    space.space,
    privacy.privacy,
    keys.keys,
    proxy.proxy,
    mail.transports,
    mail.domains,
    work.work,
    work.endpoints,
)


def examine() -> Iterator[Finding]:
    """What each check finds. One ends where the database does not answer it, or lacks what it asks for."""
    for check in CHECKS:
        try:
            yield from check()
        except DatabaseError as error:
            words = f"The database does not answer ({check.__name__}): {str(error).strip().splitlines()[0]}"
            remedy = "Is it running, is DATABASE_URL right, and was bin/cocoonmail migrate run?"
            yield problem("database", words, remedy)
        except OSError as error:
            words = f"A file cannot be looked at ({check.__name__}): {error}."
            yield problem("files", words, "Does it exist, and may this user read it?")


def is_ill(findings: list[Finding]) -> bool:
    """Whether any finding is a problem."""
    return any(finding.level is Level.PROBLEM for finding in findings)
