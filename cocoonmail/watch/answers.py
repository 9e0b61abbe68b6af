"""/healthz, /readyz and /metrics: answered before Django, so that they are quick and nothing redirects them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.conf import settings

from cocoonmail import counts
from cocoonmail.kit.glance import Glance
from cocoonmail.watch import backlog, ready
from cocoonmail.watch.access import refusal
from cocoonmail.watch.exposition import exposition
from cocoonmail.watch.neighbour import Silent, ask_worker

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

READY_KEPT = 1.0  # Seconds for which all who ask get the same answer
BACKLOG_KEPT = 10.0
BACKLOG_WITHIN = 5.0
STUCK = 120.0  # Seconds without coming round after which a hand of the worker is thought to hang

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body and its content type."""

    status: int
    body: bytes
    content_type: str


class Watch:
    """Answers for the web process or a worker. Belongs to one event loop. `local`: only this machine is to reach it."""

    def __init__(self, process: str, *, local: bool) -> None:
        self.stopping = False
        self._process, self._local = process, local
        self._ready = Glance(ready.look, keep=READY_KEPT, patience=ready.ANSWERS_WITHIN)
        self._backlog = Glance(backlog.look, keep=BACKLOG_KEPT, patience=BACKLOG_WITHIN)
        self._answers = {"/healthz": self._health, "/readyz": self._readiness, "/metrics": self._metrics}
        if process == "web":
            self._answers["/metrics/worker"] = self._worker_metrics

    def answers(self, path: str) -> bool:
        """Whether this path is one of ours."""
        return path in self._answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["method"] not in ("GET", "HEAD"):
            answer = _plain(405, "Ask with GET.")
        elif scope["path"].startswith("/metrics") and (words := self._refusal(scope, headers)):
            answer = _plain(403, words)
        else:
            answer = await self._answers[scope["path"]](scope, headers)
        await _send(send, answer)

    def stop(self) -> None:
        """From now on this process is not ready."""
        self.stopping = True

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> str:
        return refusal(headers, _peer(scope), settings.METRICS_TOKEN, local=self._local)

    async def _health(self, scope: Scope, _headers: Mapping[str, str]) -> Answer:
        return _verdict("alive", stuck(time.monotonic()) if self._process == "worker" else [], seen=_seen(scope))

    async def _readiness(self, _scope: Scope, _headers: Mapping[str, str]) -> Answer:
        reasons = await self._ready.see()
        reasons = [ready.UNANSWERED] if reasons is None else reasons
        return _verdict("ready", [*reasons, ready.STOPPING] if self.stopping else reasons)

    async def _metrics(self, _scope: Scope, headers: Mapping[str, str]) -> Answer:
        waits = await self._backlog.see() if self._process == "web" else None
        return Answer(200, *await asyncio.to_thread(exposition, self._process, headers.get("accept", ""), waits))

    async def _worker_metrics(self, _scope: Scope, headers: Mapping[str, str]) -> Answer:
        """What the worker of this machine says, whose port is open to this machine alone."""
        try:
            return Answer(200, *await asyncio.to_thread(ask_worker, headers.get("accept", "")))
        except Silent as silence:
            return _plain(503, str(silence))


def stuck(now: float) -> list[str]:
    """Which hands of this worker hang; `now` on the monotonic clock."""
    late = {hand: now - at for hand, at in counts.TURNED.items() if now - at > STUCK}
    return [f"The hand that does {hand} has not come round for {age:.0f} seconds." for hand, age in late.items()]


def _seen(scope: Scope) -> dict[str, str]:
    """How a request looks from here, so that whoever sent it can tell what a proxy between us made of it."""
    return {"scheme": scope.get("scheme", ""), "client": _peer(scope)}


def _peer(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _verdict(name: str, reasons: list[str], **more: object) -> Answer:
    content = {name: not reasons, "reasons": reasons, **more}
    return Answer(503 if reasons else 200, json.dumps(content).encode(), JSON)


def _plain(status: int, words: str) -> Answer:
    return Answer(status, f"{words}\n".encode(), TEXT)


async def nothing_here(send: Send) -> None:
    """What any other path gets where there is nothing else."""
    await _send(send, _plain(404, "There are /healthz, /readyz and /metrics."))


async def _send(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
