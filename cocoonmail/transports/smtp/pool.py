"""Connections to one mail server, kept between messages: how many, for how long, for how much."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from cocoonmail.transports.address import Security, TransportSettings
from cocoonmail.transports.base import Envelope, Handover, Outcome, Prepared
from cocoonmail.transports.places import Places
from cocoonmail.transports.smtp.connection import SmtpConnection
from cocoonmail.transports.smtp.opening import NotOpened
from cocoonmail.transports.smtp.timeouts import Timeouts
from cocoonmail.transports.smtp.tls import tls_context


class SmtpPool:
    """The SMTP transport. At most `max_connections` are open; each carries `messages_per_connection` messages at most
    and is closed after `idle_seconds` without one. After trouble with the server there are fewer for a while, or none.
    Lives on one event loop.
    """

    def __init__(
        self,
        settings: TransportSettings,
        timeouts: Timeouts | None = None,
        *,
        max_connections: int = 8,
        messages_per_connection: int = 100,
        idle_seconds: float = 30,
    ) -> None:
        self._settings = settings
        self._timeouts = timeouts or Timeouts()
        self._messages_per_connection = messages_per_connection
        self._idle_seconds = idle_seconds
        self.places = Places(max_connections)
        self._kept: dict[SmtpConnection, float] = {}  # Since when, by the loop's clock; the oldest first
        self._sweep: asyncio.TimerHandle | None = None
        self._farewells: set[asyncio.Task[None]] = set()
        self._context: ssl.SSLContext | None = None
        self._closed = False

    def connection(self) -> Visit:
        """A connection for this caller alone, opened when the first message needs it. Waits for a free one."""
        return Visit(self)

    async def prepare(self, envelope: Envelope) -> Handover:
        """Hand one message over through a connection that is taken back once the message is committed or abandoned."""
        await self.places.take()
        lease = Lease(self)
        handover: Handover | None = None
        try:
            handover = await lease.prepare(envelope)
            if isinstance(handover, Prepared):
                return LeasedMessage(handover, lambda: self.take_back(lease))
            return handover
        finally:
            if not isinstance(handover, Prepared):
                self.take_back(lease)

    async def aclose(self) -> None:
        """Say goodbye on every kept connection. One that is in use is closed when it comes back."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        for connection in list(self._kept):
            self._part_from(connection)
        while self._farewells:
            await asyncio.gather(*self._farewells)

    def take_kept(self) -> SmtpConnection | None:
        """The connection that was used last, so that those beyond the need grow idle; None where none is alive."""
        while self._kept:
            connection, _ = self._kept.popitem()
            if connection.usable:
                return connection
            connection.abort()
        return None

    async def open(self) -> SmtpConnection:
        """A new connection. Raises NotOpened."""
        if self._context is None and self._settings.security is not Security.NONE:
            self._context = tls_context(self._settings)  # Loading the authorities takes 20 ms
        return await SmtpConnection.open(self._settings, self._timeouts, self._context)

    def worn(self, connection: SmtpConnection) -> bool:
        """Whether it has carried all the messages that one connection may."""
        return connection.messages >= self._messages_per_connection

    def take_back(self, lease: Lease) -> None:
        """Keep the lease's connection for the next caller where it can be used on."""
        connection, lease.current = lease.current, None
        self.places.give_back()
        if connection is None:
            return
        if not connection.usable:
            connection.abort()
        elif self._closed or self.worn(connection):
            self._part_from(connection)
        else:
            loop = asyncio.get_running_loop()
            self._kept[connection] = loop.time()
            if self._sweep is None:
                self._sweep = loop.call_later(self._idle_seconds, self._part_from_the_idle, loop)

    def _part_from_the_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer looks after all of them, for a timer for each message would cost too much."""
        self._sweep = None
        for connection, since in list(self._kept.items()):
            if loop.time() - since < self._idle_seconds:
                self._sweep = loop.call_at(since + self._idle_seconds, self._part_from_the_idle, loop)
                break
            self._part_from(connection)

    def _part_from(self, connection: SmtpConnection) -> None:
        self._kept.pop(connection, None)
        farewell = asyncio.get_running_loop().create_task(connection.quit())
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)


class Visit(AbstractAsyncContextManager["Lease"]):
    """The time for which one caller has a connection. (A generator would cost every message some 40 us.)"""

    def __init__(self, pool: SmtpPool) -> None:
        self._pool = pool
        self._lease = Lease(pool)

    async def __aenter__(self) -> Lease:
        await self._pool.places.take()
        return self._lease

    async def __aexit__(self, *_: object) -> None:
        self._pool.take_back(self._lease)


class Lease:
    """One caller's connection. It changes beneath where the server closed the one that was kept."""

    def __init__(self, pool: SmtpPool) -> None:
        self.current: SmtpConnection | None = None
        self._pool = pool

    async def prepare(self, envelope: Envelope) -> Handover:
        """Hand over all but the final dot; on a fresh connection where the kept one proves to be dead."""
        handover = await self._prepare(envelope)
        if isinstance(handover, Prepared):
            return LearningMessage(handover, self._pool.places)
        self._pool.places.learn(handover)
        return handover

    async def _prepare(self, envelope: Envelope) -> Handover:
        if self.current is None:
            self.current = self._pool.take_kept()
        await self._let_go_of_the_worn()
        if self.current is not None:
            handover = await self.current.prepare(envelope)
            if not self.current.lost_before_mail:
                return handover
        try:
            self.current = await self._pool.open()
        except NotOpened as trouble:
            self.current = None
            return trouble.outcome
        return await self.current.prepare(envelope)

    async def _let_go_of_the_worn(self) -> None:
        if self.current is not None and (self._pool.worn(self.current) or not self.current.usable):
            connection, self.current = self.current, None
            await connection.quit()


class LearningMessage(Prepared):
    """A prepared message whose outcome tells the pool how the server is."""

    def __init__(self, message: Prepared, places: Places) -> None:
        self._message = message
        self._places = places

    async def commit(self) -> Outcome:
        """Send the final dot and wait for the answer."""
        outcome = await self._message.commit()
        self._places.learn(outcome)
        return outcome

    async def abandon(self) -> None:
        """Close the connection without the dot."""
        await self._message.abandon()


class LeasedMessage(Prepared):
    """A prepared message that gives its connection back when it is settled, whichever way."""

    def __init__(self, message: Prepared, give_back: Callable[[], None]) -> None:
        self._message = message
        self._give_back = give_back

    async def commit(self) -> Outcome:
        """Send the final dot and wait for the answer."""
        try:
            return await self._message.commit()
        finally:
            self._settle()

    async def abandon(self) -> None:
        """Close the connection without the dot."""
        try:
            await self._message.abandon()
        finally:
            self._settle()

    def _settle(self) -> None:
        # A second call is the caller's mistake and raises; it must not free a second slot.
        give_back, self._give_back = self._give_back, _nothing
        give_back()


def _nothing() -> None:
    pass
