"""The bounded trace of requests that were turned away: nothing unauthenticated grows the database (promise R12)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from asgiref.sync import sync_to_async
from django.db import Error as DatabaseError
from django.db import close_old_connections, transaction
from django.db.models import F
from django.utils import timezone

from cocoonmail.intake.models import Endpoint, Refusal
from cocoonmail.kit.connections import keep_connection

log = logging.getLogger(__name__)

KEPT = 20  # Refusals kept per endpoint
PREVIEW_MAX = 2000  # Bytes of the body that are kept
FLUSH_SECONDS = 1.0  # At most one write a second, however many requests are refused


@dataclass(frozen=True, slots=True)
class Refused:
    """One request that was turned away."""

    code: str
    message: str
    preview: str
    at: datetime


@dataclass(slots=True)
class Tally:
    """What one endpoint turned away since the last write."""

    workspace_id: int
    last: deque[Refused] = field(default_factory=lambda: deque(maxlen=KEPT))
    total: int = 0
    while_disabled: int = 0


class Refusals:
    """Gathers refusals in memory and writes the last few of each endpoint once a second."""

    def __init__(self) -> None:
        self._tallies: dict[int, Tally] = {}
        self._writing: asyncio.Task[None] | None = None
        self._wrote_at = 0.0
        self._lock = asyncio.Lock()

    def note(self, endpoint_id: int, workspace_id: int, code: str, message: str, body: bytes) -> None:
        """Remember a refusal; it is on the endpoint's page within a second or so."""
        tally = self._tallies.setdefault(endpoint_id, Tally(workspace_id))
        tally.total += 1
        tally.while_disabled += code == "endpoint_disabled"
        tally.last.append(Refused(code, message, _preview(body), timezone.now()))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def flush(self) -> None:
        """Write what is gathered, now."""
        async with self._lock:
            while self._tallies:
                tallies, self._tallies = self._tallies, {}
                self._wrote_at = asyncio.get_running_loop().time()
                await sync_to_async(_store_or_let_go, thread_sensitive=False)(tallies)

    async def _write(self) -> None:
        await asyncio.sleep(max(0.0, self._wrote_at + FLUSH_SECONDS - asyncio.get_running_loop().time()))
        await self.flush()


def _store_or_let_go(tallies: dict[int, Tally]) -> None:
    keep_connection()
    close_old_connections()
    try:
        store(tallies)
    except DatabaseError as error:
        log.warning("The trace of refused webhooks could not be written: %s", error)


def store(tallies: dict[int, Tally]) -> None:
    """Write refusals into their endpoints' slots, the oldest slot first."""
    for endpoint_id, tally in tallies.items():
        with transaction.atomic():
            endpoint = Endpoint.objects.filter(pk=endpoint_id).first()
            if endpoint is None:
                continue
            begin = endpoint.refused_total + tally.total - len(tally.last)
            for number, refused in enumerate(tally.last, begin):
                _put(endpoint, number % KEPT, refused)
            Endpoint.objects.filter(pk=endpoint_id).update(
                refused_total=F("refused_total") + tally.total,
                refused_while_disabled=F("refused_while_disabled") + tally.while_disabled,
            )


def _put(endpoint: Endpoint, slot: int, refused: Refused) -> None:
    Refusal.objects.update_or_create(
        endpoint=endpoint,
        slot=slot,
        defaults={
            "workspace_id": endpoint.workspace_id,
            "code": refused.code,
            "message": refused.message,
            "preview": refused.preview,
            "refused_at": refused.at,
        },
    )


def _preview(body: bytes) -> str:
    text = body[:PREVIEW_MAX].decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)
