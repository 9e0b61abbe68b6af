"""The door's book: which endpoint a URL's token belongs to and what it wants, remembered for a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from asgiref.sync import sync_to_async

from cocoonmail.intake.models import Endpoint, SigningSecret
from cocoonmail.intake.triage import Wishes
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import Platform

PAGE_LIFE = 1.0  # Seconds that a change made by another process may take to be noticed
SECOND_LOOK = 0.2  # Seconds after which a request that fails is looked at again with fresh settings
PAGES_MAX = 10_000
TOKEN_MAX = 64  # Characters; what is longer is no token of ours
SIBLINGS_MAX = 20  # Secrets of other endpoints that a failed signature is tried against, for a helpful answer


@dataclass(frozen=True, slots=True)
class Page:
    """What the door needs to know of one endpoint. `siblings` are the secrets of the workspace's other endpoints."""

    endpoint_id: int
    workspace_id: int
    platform: Platform
    enabled: bool
    secrets: Sequence[bytes]
    siblings: Sequence[bytes]
    wishes: Wishes
    read_at: float


class Book:
    """Pages by (platform, token), read from the database once a second at most, by one reader at a time."""

    def __init__(self) -> None:
        self._pages: dict[str, Page] = {}
        self._reading: dict[str, asyncio.Task[Page | None]] = {}

    def fresh(self, token: str) -> Page | None:
        """The page, if it was read a moment ago."""
        page = self._pages.get(token)
        return page if page is not None and monotonic() - page.read_at < PAGE_LIFE else None

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
        """A page read anew, if the one at hand may have been overtaken by a change; None if it cannot have been."""
        if monotonic() - page.read_at < SECOND_LOOK:
            return None
        return await self.read(page.platform.name, token)

    async def _read(self, token: str) -> Page | None:
        try:
            page = await sync_to_async(read_page, thread_sensitive=False)(token)
        finally:
            self._reading.pop(token, None)
        self._pages.pop(token, None)
        if page is not None:
            if len(self._pages) >= PAGES_MAX:
                self._pages.clear()
            self._pages[token] = page
        return page


def read_page(token: str) -> Page | None:
    """An endpoint's page, from the database."""
    endpoint = Endpoint.objects.filter(token=token).first()
    if endpoint is None or endpoint.platform not in PLATFORMS:
        return None
    secrets = SigningSecret.objects.filter(workspace_id=endpoint.workspace_id).order_by("-pk")
    own = [secret.reveal().encode() for secret in secrets if secret.endpoint_id == endpoint.pk]
    others = [secret for secret in secrets if secret.endpoint_id != endpoint.pk][:SIBLINGS_MAX]
    return Page(
        endpoint_id=endpoint.pk,
        workspace_id=endpoint.workspace_id,
        platform=PLATFORMS[endpoint.platform],
        enabled=endpoint.enabled,
        secrets=own,
        siblings=[secret.reveal().encode() for secret in others],
        wishes=wishes_of(endpoint),
        read_at=monotonic(),
    )


def wishes_of(endpoint: Endpoint) -> Wishes:
    """What an endpoint's settings say, as triage takes them."""
    types = endpoint.choices.filter(enabled=True).values_list("type", flat=True)
    return Wishes(process_test=endpoint.process_test, connect=endpoint.connect, types=frozenset(types))
