"""How long each answer of a mail server is waited for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """All in seconds. The standard's minimum (RFC 5321 §4.5.3.2) wherever it has one: shorter makes duplicates."""

    connect: float = 30  # Name lookup and TCP; the standard has no figure
    tls: float = 60  # The handshake; the standard has no figure
    banner: float = 300
    command: float = 300  # EHLO, STARTTLS, AUTH, MAIL FROM and RCPT TO
    data: float = 120  # The answer to DATA
    block: float = 180  # Until one block of the message is taken off our hands
    dot: float = 600
    farewell: float = 10  # RSET and QUIT, whose answers decide nothing


# A person waits for the test of a connection; nothing is handed over in it, so that short waits do no harm.
PROBE_TIMEOUTS = Timeouts(connect=10, tls=10, banner=20, command=20, farewell=5)
