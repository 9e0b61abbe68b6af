"""The door that webhooks come in by: verified over the raw bytes, on disk, then answered. Nothing else happens here."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from secrets import token_hex
from time import monotonic, time
from typing import Any, TypeAlias

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connections

from cocoonmail import counts
from cocoonmail.intake.book import Book, Page
from cocoonmail.intake.receive import Arrived, Stored, receive
from cocoonmail.intake.refusals import Refusals
from cocoonmail.intake.triage import triage
from cocoonmail.kit.checkpoints import Checkpoints, leave_checkpoints_to_others
from cocoonmail.kit.connections import keep_connection
from cocoonmail.kit.groupcommit import GroupCommit, NotAccepted, Overdue
from cocoonmail.kit.http_whole import Reply, WholeAnswer, whole_answer
from cocoonmail.platforms.base import Announcement, Rejected, Verified

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger(__name__)

PREFIX = "/hooks/"
BODY_MAX = 1024 * 1024  # Bytes; the largest real ones are invoices of some 100 kB
STORE_SECONDS = 2  # How long the database may take before the sender is asked to come again (promise R8)
ENOUGH = 32  # Webhooks for whose sake the writer begins at once
RETRY_AFTER = 5  # Seconds that a sender is asked to wait
AHEAD_MAX = 2**31 - 1  # Seconds of a sender's clock before ours that the database has room for


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender gets: a status and a short JSON text, which its owner reads in the platform's own log."""

    status: int
    content: Mapping[str, Any]
    headers: tuple[tuple[bytes, bytes], ...] = ()


RECEIVED = Answer(200, {"received": True})


class Refuse(Exception):
    """The request is turned away with this answer, which names the request as the log does."""

    def __init__(self, status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.request_id = token_hex(4)
        error = {"code": code, "message": message, "request_id": self.request_id}
        self.answer = Answer(status, {"error": error}, headers)


class Door:
    """Answers `/hooks/<platform>/<token>`: what nearly every request is by `take`, all the rest as ASGI application."""

    prefix = PREFIX.encode()

    def __init__(self, book: Book | None = None) -> None:
        self.book = book or Book()
        self.refusals = Refusals()
        self._wrote = False
        self._checkpoints = Checkpoints()
        self._disk: GroupCommit[Arrived, Stored] = GroupCommit(
            self._write, name="intake", enough=ENOUGH, patience=STORE_SECONDS, on_stop=connections.close_all
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            answer = await self._answer(scope, receive)
        except Refuse as refusal:
            answer = _noted(refusal)
        await _send(send, answer)

    def take(self, path: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes, reply: Reply) -> bool:
        """Take a whole POST request that there is nothing to say against and nobody to ask about (kit.http_whole)."""
        platform, _, token = path[len(PREFIX) :].decode("latin-1").partition("/")
        page = self.book.fresh(token)
        if page is None or page.platform.name != platform:
            return False
        arrived = _usual(page, {name.decode("latin-1"): value for name, value in headers}, body)
        if arrived is None:
            return False
        try:
            self._disk.hand_in(arrived, partial(self._tell, reply, page, arrived))
        except NotAccepted:
            return False
        return True

    def _tell(
        self, reply: Reply, page: Page, arrived: Arrived, stored: Stored | None, error: BaseException | None
    ) -> None:
        """Answer a request that was taken."""
        try:
            if error is not None:
                raise _not_stored(error)
            assert stored is not None
            answer = _answer_to(arrived, stored)
        except Refuse as refusal:
            self._trace(page, refusal, arrived.body)
            answer = _noted(refusal)
        reply(_RECEIVED if answer is RECEIVED else whole_answer(answer.status, *_written(answer)))

    def _trace(self, page: Page, refusal: Refuse, body: bytes) -> None:
        """Leave a trace on the endpoint's page."""
        self.refusals.note(page.endpoint_id, page.workspace_id, refusal.code, refusal.message, body)

    def _write(self, arrived: list[Arrived]) -> list[Stored]:
        if not self._wrote:
            self._wrote = True
            keep_connection()
            leave_checkpoints_to_others()
            self._checkpoints.start()
        began = monotonic()
        stored = receive(arrived)
        _count(arrived, stored, monotonic() - began)
        return stored

    async def aclose(self) -> None:
        """Finish what was accepted, then stop."""
        await self._disk.aclose()
        await asyncio.to_thread(self._checkpoints.stop)
        await self.refusals.flush()

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        page, token = await self._find(scope["path"])
        if scope["method"] != "POST":
            raise _wrong_method(page, scope["method"])
        body = b""
        try:
            headers = {name.decode("latin-1"): value for name, value in scope["headers"]}
            _check_headers(headers, page)
            body = await _read_body(receive)
            return await self._take_in(page, token, headers, body)
        except Refuse as refusal:
            self._trace(page, refusal, body)
            raise

    async def _find(self, path: str) -> tuple[Page, str]:
        """The endpoint behind a path; nothing tells an unknown token from a malformed one."""
        platform, _, token = path.removeprefix(PREFIX).partition("/")
        page = self.book.fresh(token)
        if page is None or page.platform.name != platform:
            page = await _soon(self.book.read(platform, token))
        if page is None:
            raise _unknown()
        return page, token

    async def _take_in(self, page: Page, token: str, headers: dict[str, bytes], body: bytes) -> Answer:
        page, age = await self._verify(page, token, headers, body)
        said = page.platform.announce(body)
        if isinstance(said, Rejected):
            raise Refuse(400, said.code, said.message)
        arrived = _arrived(page, headers, body, said, age)
        return _answer_to(arrived, await self._store(arrived))

    async def _verify(self, page: Page, token: str, headers: dict[str, bytes], body: bytes) -> tuple[Page, int]:
        """The page that the signature holds by, and its age. One that fails is tried again with settings read anew."""
        now = int(time())
        verdict = page.platform.verify(headers, body, page.secrets, now)
        if isinstance(verdict, Rejected) and not verdict.final:
            fresh = await _soon(self.book.second_look(page, token))
            if fresh is None:
                raise _unknown()
            page = fresh
            verdict = page.platform.verify(headers, body, page.secrets, now)
        if not page.enabled:
            raise Refuse(410, "endpoint_disabled", "This endpoint is switched off in Cocoonmail.")
        if isinstance(verdict, Verified):
            return page, verdict.age
        if page.secrets and isinstance(page.platform.verify(headers, body, page.siblings, now), Verified):
            raise Refuse(
                400,
                "signed_for_another_endpoint",
                "This was signed with the secret of a different endpoint of this workspace. Copy the signing secret "
                f"of this very endpoint from {page.platform.title} into Cocoonmail.",
            )
        raise Refuse(400, verdict.code, verdict.message)

    async def _store(self, arrived: Arrived) -> Stored:
        try:
            return await self._disk.submit(arrived)
        except (DatabaseError, Overdue, NotAccepted) as error:
            raise _not_stored(error) from None


def _usual(page: Page, headers: Mapping[str, bytes], body: bytes) -> Arrived | None:
    """The webhook in a request that nothing is to be said against, as nearly always."""
    try:
        _check_headers(headers, page)
    except Refuse:
        return None
    verdict = page.platform.verify(headers, body, page.secrets, int(time()))
    if isinstance(verdict, Rejected):
        return None
    said = page.platform.announce(body)
    return None if isinstance(said, Rejected) else _arrived(page, headers, body, said, verdict.age)


def _arrived(page: Page, headers: Mapping[str, bytes], body: bytes, said: Announcement, age: int) -> Arrived:
    """What is to be stored of an authentic request. `age` is its signature's, in seconds."""
    kept = {name: headers[name].decode("latin-1") for name in page.platform.kept_headers if name in headers}
    ahead = min(max(0, -age), AHEAD_MAX)
    first = triage(page.platform, page.wishes, said)
    return Arrived(page.workspace_id, page.endpoint_id, said, body, kept, ahead, first)


def _answer_to(arrived: Arrived, stored: Stored) -> Answer:
    if stored.gone:
        raise _unknown()
    why = arrived.triage.why
    if not stored.duplicate and not why:
        return RECEIVED
    duplicate = {"duplicate": True} if stored.duplicate else {}
    return Answer(200, {"received": True, **duplicate, **({"ignored": why} if why else {})})


def _count(arrived: list[Arrived], stored: list[Stored], seconds: float) -> None:
    counts.INTAKE_COMMIT.note(seconds)
    counts.INTAKE_BATCH.note(len(arrived))
    for one, answer in zip(arrived, stored, strict=True):
        if not answer.duplicate and not one.triage.why and not answer.gone:
            counts.RECEIVED.add("new")
        else:
            counts.RECEIVED.add("gone" if answer.gone else "duplicate" if answer.duplicate else "ignored")


async def _soon(look: Awaitable[Page | None]) -> Page | None:
    """What the book says, unless the database takes too long over it."""
    try:
        async with asyncio.timeout(STORE_SECONDS):
            return await look
    except (DatabaseError, TimeoutError):
        raise _come_again() from None


def _check_headers(headers: Mapping[str, bytes], page: Page) -> None:
    """Refuse what is not worth reading: switched-off endpoints, encoded bodies, announced sizes over the limit."""
    if not page.enabled:
        raise Refuse(410, "endpoint_disabled", "This endpoint is switched off in Cocoonmail.")
    encoding = headers.get("content-encoding", b"identity").strip().lower()
    if encoding not in (b"", b"identity"):
        raise Refuse(415, "encoded_body", "Send the body as it is, without Content-Encoding.")
    length = headers.get("content-length", b"0")
    if not length.isdigit() or len(length) > 12 or int(length) > BODY_MAX:
        raise _too_large()


async def _read_body(receive: Receive) -> bytes:
    """The raw body. The server (kit.httpserver) gives up on one that does not get on."""
    message = await receive()
    if not message.get("more_body") and message["type"] == "http.request":
        body: bytes = message["body"]
        if len(body) > BODY_MAX:
            raise _too_large()
        return body
    pieces, size = [message.get("body", b"")], len(message.get("body", b""))
    while message.get("more_body"):
        message = await receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > BODY_MAX:
            raise _too_large()
    if message["type"] == "http.disconnect":
        raise Refuse(400, "incomplete_body", "The connection ended before the body did.")
    return b"".join(pieces)


def _too_large() -> Refuse:
    return Refuse(413, "body_too_large", f"The body is larger than {BODY_MAX // 1024} KiB.", (b"connection", b"close"))


def _unknown() -> Refuse:
    return Refuse(404, "unknown_endpoint", "No endpoint has this URL. Copy it again from Cocoonmail.")


def _come_again() -> Refuse:
    message = "Cocoonmail could not store this just now. Please send it again."
    return Refuse(503, "try_again", message, (b"retry-after", str(RETRY_AFTER).encode()))


def _not_stored(error: BaseException) -> Refuse:
    if isinstance(error, DatabaseError):
        counts.DATABASE_ERRORS.add("door")
    log.warning("A webhook could not be stored and was answered 503: %s", error or type(error).__name__)
    return _come_again()


def _wrong_method(page: Page, method: str) -> Refuse:
    title = page.platform.title
    message = f"This URL takes POST requests from {title}. Paste it into {title}'s webhook settings."
    return Refuse(405, "use_post", message, (b"allow", b"POST"))


def _noted(refusal: Refuse) -> Answer:
    """The refusal's answer, which the log tells of too."""
    counts.REFUSED.add(refusal.code)
    named = {"request_id": refusal.request_id}
    log.info("Request %s was answered %d %s", refusal.request_id, refusal.answer.status, refusal.code, extra=named)
    return refusal.answer


async def _send(send: Send, answer: Answer) -> None:
    headers, body = _written(answer)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _written(answer: Answer) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers and the body of an answer."""
    body = json.dumps(answer.content, ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        *answer.headers,
    ]
    return headers, body


_RECEIVED: WholeAnswer = whole_answer(
    RECEIVED.status, *_written(RECEIVED)
)  # What nearly everybody gets is written once.


def webhook_url(path: str) -> str:
    """The full address of an endpoint, to paste into the platform's settings."""
    return f"{settings.BASE_URL}{path}"
