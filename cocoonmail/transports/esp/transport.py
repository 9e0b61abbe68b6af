"""The transport over a provider: `prepare` builds the one HTTP request of a message, `commit` makes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

from anymail.exceptions import AnymailError

from cocoonmail.transports.base import Deferred, Envelope, Handover, Outcome, Prepared, Refused, printable
from cocoonmail.transports.esp.address import EspSettings
from cocoonmail.transports.esp.meaning import Reply, asks_again, conclude
from cocoonmail.transports.esp.posting import Post, Posting
from cocoonmail.transports.esp.providers import Provider
from cocoonmail.transports.esp.wire import Patience, Wire

AT_ONCE = 32  # Requests to one provider on their way at once


class Requests(Protocol):
    """What makes a provider's requests."""

    def request(self, envelope: Envelope) -> Post:
        """The request for one message, to be called once or, under its idempotency key, again."""
        ...


class EspTransport:
    """The same seam as SMTP. A Prepared holds one of `at_once` places until commit or abandon. On one event loop."""

    def __init__(self, settings: EspSettings, patience: Patience, at_once: int = AT_ONCE) -> None:
        self._settings = settings
        self._patience = patience
        self._places = asyncio.Semaphore(at_once)
        self._wire = Wire(patience, at_once)
        self._threads = ThreadPoolExecutor(at_once, "esp")
        self._requests: Requests | None = None
        self._under_way = 0
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[EspTransport]:
        """This transport itself: requests share their connections."""
        yield self

    async def prepare(self, envelope: Envelope) -> Handover:
        """Build the whole request and send nothing. Waits for a place."""
        if missing := self._settings.about.missing:
            return Deferred(missing, slow_down=True)
        self._under_way += 1
        await self._places.acquire()
        try:
            post = self._made().request(envelope)
        except (AnymailError, ValueError) as trouble:
            self._give_back()
            return Refused(printable(f"{self._settings.about.title} cannot carry this message: {trouble}"))
        return Request(self._settings.about, post, self._patience.repeats, self._threads, self._give_back)

    async def aclose(self) -> None:
        """Keep no connection. What is under way arrives first."""
        self._closed = True
        self._close_when_idle()

    def _made(self) -> Requests:
        if self._requests is None:
            self._requests = _requests(self._settings, self._wire)
        return self._requests

    def _give_back(self) -> None:
        self._places.release()
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


class Request(Prepared):
    """One message's request, not yet made."""

    def __init__(
        self,
        provider: Provider,
        post: Post,
        pauses: tuple[float, ...],
        threads: ThreadPoolExecutor,
        give_back: Callable[[], None],
    ) -> None:
        self._provider = provider
        self._post = post
        self._pauses = pauses
        self._threads = threads
        self._give_back = give_back

    async def commit(self) -> Outcome:
        """Make the request. What stays unclear is asked again under the same key, where the provider has one."""
        try:
            replies = [await self._reply()]
            for pause in self._pauses:
                if not asks_again(self._provider, replies):
                    break
                await asyncio.sleep(pause)
                replies.append(await self._reply())
        finally:
            self._give_back()
        return replace(conclude(self._provider, replies), conversation=self._told(replies))

    async def abandon(self) -> None:
        """Forget the request, of which nothing was sent."""
        self._give_back()

    async def _reply(self) -> Reply:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._post)

    def _told(self, replies: list[Reply]) -> str:
        return "\n".join(f"C: the request to {self._provider.title}\nS: {reply.words}" for reply in replies)
