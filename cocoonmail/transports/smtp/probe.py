"""Try a transport without sending anything: connect, greet, encrypt, log in, say goodbye."""

from __future__ import annotations

from cocoonmail.transports.address import TransportSettings
from cocoonmail.transports.base import Accepted, Deferred
from cocoonmail.transports.smtp.connection import SmtpConnection
from cocoonmail.transports.smtp.opening import NotOpened
from cocoonmail.transports.smtp.timeouts import PROBE_TIMEOUTS, Timeouts


async def probe(settings: TransportSettings, timeouts: Timeouts = PROBE_TIMEOUTS) -> Accepted | Deferred:
    """Accepted with what works, or Deferred with what does not; either with the whole conversation."""
    if settings.kind == "capture":
        return Accepted("Mail is captured here and does not leave.")
    try:
        connection = await SmtpConnection.open(settings, timeouts)
    except NotOpened as trouble:
        return trouble.outcome
    encryption = connection.encryption or "not encrypted"
    await connection.quit()
    return Accepted(_summary(settings, encryption), conversation=connection.conversation)


def _summary(settings: TransportSettings, encryption: str) -> str:
    login = f", logged in as {settings.username}" if settings.username else ", without a login"
    return f"Connected to {settings.host}, port {settings.port} ({encryption}){login}."
