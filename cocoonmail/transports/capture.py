"""The transport of a new installation: the message is kept on the Messages page and no byte leaves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cocoonmail.transports.base import Accepted, Envelope, Prepared


class CapturedMessage(Prepared):
    """Nothing to send, so committing always succeeds."""

    async def commit(self) -> Accepted:
        """Say that the message is captured; the caller's own record of it is all there is."""
        return Accepted("captured")

    async def abandon(self) -> None:
        """Nothing was begun."""


class CaptureTransport:
    """The same seam as SMTP, with nobody at the far end."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[CaptureTransport]:
        """This transport itself: there is nothing to open."""
        yield self

    async def prepare(self, envelope: Envelope) -> CapturedMessage:
        """Ready at once."""
        return CapturedMessage()

    async def aclose(self) -> None:
        """Nothing to close."""
