"""Whether mail can leave, and is believed: each workspace's transport and the DNS of the domains it sends from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails import findings
from cocoonmail.emails.domains import Record, records_of
from cocoonmail.emails.findings import State, check
from cocoonmail.emails.freemail import is_free_mail
from cocoonmail.emails.models import SendingDomain
from cocoonmail.emails.transport import transport_of
from cocoonmail.kit.secrets import Unsealable
from cocoonmail.transports import Accepted, TransportSettings, probe
from cocoonmail.watch.doctor.finding import Finding, ok, problem, warning

SETTINGS = "Settings, Transport"


def transports() -> Iterator[Finding]:
    """Each workspace's transport, tried without sending anything."""
    for workspace in Workspace.objects.order_by("pk"):
        try:
            yield try_transport(str(workspace), transport_of(workspace))
        except Unsealable as error:
            yield problem("transports", f"{workspace}: its transport's settings cannot be read.", str(error))


def try_transport(name: str, settings: TransportSettings) -> Finding:
    """Resolve, connect, encrypt and log in. A provider's key is not tried, for that would send something."""
    if settings.kind == "capture":
        return warning(
            "transports", f"{name}: mail is captured, and nobody gets it.", f"Set up a transport: {SETTINGS}."
        )
    if settings.esp is not None:
        if settings.esp.missing:
            return problem("transports", f"{name}: {settings.esp.missing}", f"Complete it: {SETTINGS}.")
        return ok("transports", f"{name}: mail leaves by {settings.esp.about.title}; its key was not tried.")
    match asyncio.run(probe(settings)):
        case Accepted(receipt=receipt):
            return ok("transports", f"{name}: {receipt}")
        case trouble:
            return problem("transports", f"{name}: {trouble.reason}", f"Correct it, and try it there: {SETTINGS}.")


def domains() -> Iterator[Finding]:
    """The DNS of each domain that signs, and of each sender's domain that does not."""
    pairs = {(pair.workspace_id, pair.domain): pair for pair in SendingDomain.objects.filter(enabled=True)}
    for pair in pairs.values():
        yield from judged(pair.domain, records_of(pair))
    for workspace in Workspace.objects.exclude(sender_email="").order_by("pk"):
        domain = workspace.sender_email.rpartition("@")[2].lower()
        if (workspace.pk, domain) not in pairs and workspace.transport_sealed and not is_free_mail(domain):
            words = f"Mail from {domain} is not signed by Cocoonmail."
            yield warning("domains", words, "Add the domain in Settings, Domains, unless your provider signs it.")
            yield from judged(domain, [])


def judged(domain: str, records: Sequence[Record]) -> Iterator[Finding]:
    """What the DNS says of a domain, whose keys stand in these records."""
    for found in check(domain, records):
        yield _finding(domain, found)


def _finding(domain: str, found: findings.Finding) -> Finding:
    words, remedy = f"{domain}, {found.about.upper()}: {found.words}", "Settings, Domains shows the records to enter."
    match found.state:
        case State.THERE:
            return ok("domains", words)
        case State.MISSING | State.OTHER | State.MALFORMED if found.about in ("rsa", "ed25519"):
            return problem("domains", f"{words} Its signatures count as forged.", remedy)
        case _:
            return warning("domains", words, remedy)
