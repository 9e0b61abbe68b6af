"""The door's book: which endpoint a URL's token belongs to and what it wants, remembered for a moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from cocoonmail.intake.models import Endpoint, SigningSecret
from cocoonmail.intake.triage import Wishes
from cocoonmail.kit.connections import keep_connection
from cocoonmail.kit.secrets import Unsealable
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import Platform

log = logging.getLogger(__name__)

PAGE_LIFE = 1.0  # Seconds that a change made by another process may take to be noticed
SECOND_LOOK = 0.2  # Seconds between two looks at the settings for requests that fail with the ones at hand
PAGES_MAX = 10_000
TOKEN_MAX = 64  # Characters; what is longer is no token of ours
SIBLINGS_MAX = 20  # Secrets of other endpoints that a failed signature is tried against, for a helpful answer

assert SECOND_LOOK < PAGE_LIFE


@dataclass(frozen=True, slots=True)
class Page:
    """What the door needs to know of one endpoint. `siblings` are the secrets of the workspace's other endpoints.

    It holds every change that was made before `read_at`, in seconds on the book's clock.
    """

    endpoint_id: int
    workspace_id: int
    platform: Platform
    enabled: bool
    secrets: Sequence[bytes]
    siblings: Sequence[bytes]
    wishes: Wishes
    read_at: float


class Book:
    """Pages by (platform, token), read from the database once a second at most, by one reader at a time.

    `clock` counts seconds; `pause` is how many lie at least between two looks for requests that fail.
    """

    def __init__(self, clock: Callable[[], float] = monotonic, pause: float = SECOND_LOOK) -> None:
        self._clock = clock
        self._pause = pause
        self._pages: dict[str, Page] = {}
        self._reading: dict[str, asyncio.Task[Page | None]] = {}

    def fresh(self, token: str) -> Page | None:
        """The page, if it was read a moment ago."""
        page = self._pages.get(token)
        return page if page is not None and self._clock() - page.read_at < PAGE_LIFE else None

    async def read(self, platform: str, token: str) -> Page | None:
        """The page as the database has it now; None when no endpoint has this token."""
        if len(token) > TOKEN_MAX or not token.isascii() or not token.isprintable():
            return None
        task = self._reading.get(token)
        if task is None:
            task = self._reading[token] = asyncio.create_task(self._read(token))
        page = await asyncio.shield(task)
        return page if page is not None and page.platform.name == platform else None

    async def second_look(self, page: Page, token: str) -> Page | None:
        """The page as it is now, for a request that fails with the one at hand; None when the endpoint is gone.

        Who comes soon after the last look waits for the next, so that requests that fail cost few looks, and none is
        refused for a change that was made before it came (promise R13).
        """
        asked_at = self._clock()
        await asyncio.sleep(max(0.0, page.read_at + self._pause - asked_at))
        now: Page | None = self._pages.get(token, page)
        while now is not None and now.read_at < asked_at:
            now = await self.read(page.platform.name, token)
        return now

    async def _read(self, token: str) -> Page | None:
        try:
            page = await sync_to_async(read_page, thread_sensitive=False)(token, self._clock())
        finally:
            self._reading.pop(token, None)
        self._pages.pop(token, None)
        if page is not None:
            if len(self._pages) >= PAGES_MAX:
                self._pages.clear()
            self._pages[token] = page
        return page


def read_page(token: str, now: float) -> Page | None:
    """An endpoint's page, from the database; `now` on the book's clock."""
    keep_connection()
    close_old_connections()  # A broken one is left behind, for no request of Django's cleans up after this thread.
    endpoint = Endpoint.objects.filter(token=token).first()
    if endpoint is None or endpoint.platform not in PLATFORMS:
        return None
    secrets = SigningSecret.objects.filter(workspace_id=endpoint.workspace_id).order_by("-pk")
    own = [secret for secret in secrets if secret.endpoint_id == endpoint.pk]
    others = [secret for secret in secrets if secret.endpoint_id != endpoint.pk][:SIBLINGS_MAX]
    return Page(
        endpoint_id=endpoint.pk,
        workspace_id=endpoint.workspace_id,
        platform=PLATFORMS[endpoint.platform],
        enabled=endpoint.enabled,
        secrets=_revealed(own),
        siblings=_revealed(others),
        wishes=wishes_of(endpoint),
        read_at=now,
    )


def _revealed(secrets: Iterable[SigningSecret]) -> list[bytes]:
    """The secrets that the installation's key opens; one that it does not must not close the door for the others."""
    revealed = []
    for secret in secrets:
        try:
            revealed.append(secret.reveal().encode())
        except Unsealable as error:
            log.error("Signing secret …%s of endpoint %d: %s", secret.hint, secret.endpoint_id, error)
    return revealed


def wishes_of(endpoint: Endpoint) -> Wishes:
    """What an endpoint's settings say, as triage takes them."""
    types = endpoint.choices.filter(enabled=True).values_list("type", flat=True)
    return Wishes(process_test=endpoint.process_test, connect=endpoint.connect, types=frozenset(types))
