"""How bytes leave the house. Pure: an Envelope goes in; Accepted, Deferred, Refused or Unknown comes out."""

from __future__ import annotations

from cocoonmail.transports.address import CAPTURE, TransportSettings, keep_secrets, parse_transport_url, to_url
from cocoonmail.transports.base import (
    Accepted,
    Connection,
    Deferred,
    Envelope,
    Handover,
    Outcome,
    Prepared,
    Refused,
    Transport,
    Unknown,
)
from cocoonmail.transports.capture import CaptureTransport
from cocoonmail.transports.hosts import is_loopback
from cocoonmail.transports.options import Auth, OAuth, Security
from cocoonmail.transports.smtp import PROBE_TIMEOUTS, SmtpPool, Timeouts, probe

__all__ = [
    "CAPTURE",
    "PROBE_TIMEOUTS",
    "Accepted",
    "Auth",
    "Connection",
    "Deferred",
    "Envelope",
    "Handover",
    "OAuth",
    "Outcome",
    "Prepared",
    "Refused",
    "Security",
    "Timeouts",
    "Transport",
    "TransportSettings",
    "Unknown",
    "is_loopback",
    "keep_secrets",
    "open_transport",
    "parse_transport_url",
    "probe",
    "to_url",
]


def open_transport(
    settings: TransportSettings,
    timeouts: Timeouts | None = None,
    *,
    idle_seconds: float = 30,
) -> Transport:
    """The way for bytes to leave that these settings describe. Nothing is opened before the first message."""
    if settings.kind == "capture":
        return CaptureTransport()
    if settings.esp is not None:
        # Django's mail classes, requests and boto3 are loaded only where a provider is used.
        from cocoonmail.transports.esp.transport import EspTransport
        from cocoonmail.transports.esp.wire import Patience

        patience = Patience() if timeouts is None else Patience(timeouts.connect, timeouts.dot, repeats=())
        return EspTransport(settings.esp, patience, settings.connections)
    return SmtpPool(
        settings,
        timeouts,
        max_connections=settings.connections,
        messages_per_connection=settings.per_connection,
        idle_seconds=idle_seconds,
    )
