"""The transport over a provider: `prepare` builds the one HTTP request of a message, `commit` makes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Protocol

from anymail.exceptions import AnymailError

from cocoonmail.transports.base import Deferred, Envelope, Handover, Outcome, Paused, Prepared, Refused, printable
from cocoonmail.transports.esp.address import EspSettings
from cocoonmail.transports.esp.meaning import Reply, asks_again, conclude
from cocoonmail.transports.esp.posting import Post, Posting
from cocoonmail.transports.esp.providers import Provider
from cocoonmail.transports.esp.wire import Patience, Wire
from cocoonmail.transports.options import CONNECTIONS
from cocoonmail.transports.places import Places


class Requests(Protocol):
    """What makes a provider's requests."""

    def request(self, envelope: Envelope) -> Post:
        """The request for one message, to be called once or, under its idempotency key, again."""
        ...


class EspTransport:
    """The same seam as SMTP. At most `at_once` messages are on their way; after trouble with the provider there are
    fewer for a while, or none. Lives on one event loop.
    """

    def __init__(self, settings: EspSettings, patience: Patience, at_once: int = CONNECTIONS) -> None:
        self._settings = settings
        self._patience = patience
        self.places = Places(at_once)
        self._wire = Wire(patience, at_once)
        self._threads = ThreadPoolExecutor(at_once, "esp")
        self._requests: Requests | None = None
        self._under_way = 0
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Place]:
        """A place for this caller alone; the requests share their connections."""
        await self._take_place()
        try:
            yield Place(self)
        finally:
            self._give_back()

    async def prepare(self, envelope: Envelope) -> Handover:
        """Build the whole request and send nothing. Waits for a place, which is held until commit or abandon."""
        await self._take_place()
        handover: Handover | None = None
        try:
            handover = self.hand_over(envelope, self._give_back)
            return handover
        finally:
            if not isinstance(handover, Prepared):
                self._give_back()

    def hand_over(self, envelope: Envelope, settled: Callable[[], None]) -> Handover:
        """The request in a place that was taken; `settled` is called once it is committed or abandoned."""
        if missing := self._settings.missing:
            outcome = Deferred(missing, slow_down=True)
            self.places.learn(outcome)
            return outcome
        try:
            post = self._made().request(envelope)
        except (AnymailError, ValueError) as trouble:
            return Refused(printable(f"{self._settings.about.title} cannot carry this message: {trouble}"))
        return Request(self._settings.about, partial(self._reply, post), self._patience.repeats, self.places, settled)

    async def aclose(self) -> None:
        """Keep no connection. What is under way arrives first."""
        self._closed = True
        self._close_when_idle()

    async def _take_place(self) -> None:
        self._under_way += 1
        try:
            await self.places.take()
        except (Paused, asyncio.CancelledError):
            self._leave()
            raise

    async def _reply(self, post: Post) -> Reply:
        return await asyncio.get_running_loop().run_in_executor(self._threads, post)

    def _made(self) -> Requests:
        if self._requests is None:
            self._requests = _requests(self._settings, self._wire)
        return self._requests

    def _give_back(self) -> None:
        self.places.give_back()
        self._leave()

    def _leave(self) -> None:
        self._under_way -= 1
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._closed and not self._under_way:
            self._threads.shutdown(wait=False)
            self._wire.close()


def _requests(settings: EspSettings, wire: Wire) -> Requests:
    if settings.provider == "ses":
        # boto3 is installed only where SES is wanted.
        from cocoonmail.transports.esp.ses import SesPosting

        return SesPosting(settings, wire)
    return Posting(settings, wire)


class Place:
    """One caller's turn to send."""

    def __init__(self, transport: EspTransport) -> None:
        self._transport = transport

    async def prepare(self, envelope: Envelope) -> Handover:
        """Build the whole request and send nothing."""
        return self._transport.hand_over(envelope, _nothing)


def _nothing() -> None:
    pass


class Request(Prepared):
    """One message's request, not yet made."""

    def __init__(
        self,
        provider: Provider,
        ask: Callable[[], Awaitable[Reply]],
        pauses: tuple[float, ...],
        places: Places,
        settled: Callable[[], None],
    ) -> None:
        self._provider = provider
        self._ask = ask
        self._pauses = pauses
        self._places = places
        self._settled = settled

    async def commit(self) -> Outcome:
        """Make the request. What stays unclear is asked again under the same key, where the provider has one."""
        try:
            replies = [await self._ask()]
            for pause in self._pauses:
                if not asks_again(self._provider, replies):
                    break
                await asyncio.sleep(pause)
                replies.append(await self._ask())
            outcome = conclude(self._provider, replies)
            self._places.learn(outcome)
        finally:
            self._settled()
        return replace(outcome, conversation=self._told(replies))

    async def abandon(self) -> None:
        """Forget the request, of which nothing was sent."""
        self._settled()

    def _told(self, replies: list[Reply]) -> str:
        return "\n".join(f"C: the request to {self._provider.title}\nS: {reply.words}" for reply in replies)
