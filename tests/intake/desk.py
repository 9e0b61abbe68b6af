"""A running door and a sender's desk before it: real sockets, and the database of the test run."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import hmac
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import time
from typing import Any

from django.db import connections

from cocoonmail import asgi, worker
from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact, Event
from cocoonmail.intake.book import Book
from cocoonmail.intake.door import Door
from cocoonmail.intake.models import Delivery, Endpoint, EventChoice, SigningSecret
from cocoonmail.kit.http_limits import Limits
from cocoonmail.kit.httpserver import GuardedServer, listen
from cocoonmail.platforms.stripe.samples import body
from cocoonmail.platforms.stripe.verify import sign
from tests.kit.rawhttp import PATIENCE, Response, post, read_all, responses
from tests.shop import EVENTS, event

SECRET = "whsec_of_the_desk"
EVENT = body(event("customer.created"))


class RunningDoor:
    """The web process's application, served by a thread of this process."""

    port: int
    door: Door
    _loop: asyncio.AbstractEventLoop
    _idle: asyncio.Event

    def __init__(self, book: Book | None) -> None:
        self.door = Door(book)
        self._busy = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """cocoonmail.asgi's application; notes the loop that it runs on, and whether it is at work."""
        if scope["type"] == "lifespan":
            self._loop, self._idle = asyncio.get_running_loop(), asyncio.Event()
            self._idle.set()
            await asgi.application(scope, receive, send)
            return
        self._busy += 1
        self._idle.clear()
        try:
            await asgi.application(scope, receive, send)
        finally:
            self._busy -= 1
            if not self._busy:
                self._idle.set()

    def settle(self) -> None:
        """Wait until all that was begun is done, and have the trace of what was turned away written now."""
        asyncio.run_coroutine_threadsafe(self._settle(), self._loop).result(PATIENCE)

    async def _settle(self) -> None:
        await self._idle.wait()
        await self.door.refusals.flush()

    def connect(self, raw: bytes = b"") -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        client.sendall(raw)
        return client

    def ask(self, raw: bytes) -> list[Response]:
        """Send, and read until the server closes."""
        with self.connect(raw) as client:
            return responses(read_all(client))


@contextmanager
def open_door(
    book: Book | None = None, limits: Limits | None = None, trusted_proxies: int = 0
) -> Iterator[RunningDoor]:
    """Serve until the block ends. One within another takes the application over for as long as it is open."""
    listening, started, running = listen("127.0.0.1", 0), threading.Event(), RunningDoor(book)
    running.port = listening.getsockname()[1]
    application: Any = running
    server = GuardedServer(
        application,
        listening,
        limits or Limits(),
        trusted_proxies=trusted_proxies,
        express=running.door,
        on_started=lambda port: started.set(),
    )
    thread = threading.Thread(target=server.run)
    before, asgi.door = asgi.door, running.door
    thread.start()
    try:
        assert started.wait(PATIENCE)
        yield running
    finally:
        server.stop()
        thread.join(PATIENCE)
        asgi.door = before
        assert not thread.is_alive()
        connections.close_all()
        gc.collect()  # What the server's threads had of the database goes with them.


@dataclass
class Desk:
    """An endpoint of a workspace of its own, and someone who sends to it."""

    at: RunningDoor
    endpoint: Endpoint

    @classmethod
    def opened(cls, at: RunningDoor, workspace: Workspace | None = None, secret: str = SECRET) -> Desk:
        """A new endpoint with the brief's four events switched on, and one secret ("" for none)."""
        workspace = workspace or Workspace.objects.create(name="Desk")
        name = f"Stripe {workspace.endpoints.count()}"
        endpoint = Endpoint.objects.create(workspace=workspace, platform="stripe", name=name, user_group="Customers")
        EventChoice.objects.bulk_create(
            EventChoice(endpoint=endpoint, workspace=workspace, type=type, trigger=trigger)
            for type, trigger in EVENTS.items()
        )
        if secret:
            SigningSecret.of(endpoint, secret).save()
        return cls(at, endpoint)

    def set(self, **fields: Any) -> None:
        """Change the endpoint as its page would, in another process."""
        Endpoint.objects.filter(pk=self.endpoint.pk).update(**fields)

    def request(self, raw: bytes = EVENT, *headers: str, close: bool = True, **more: Any) -> bytes:
        """A signed POST of these bytes, to be put on a socket."""
        return post(raw, self.endpoint.path, f"Stripe-Signature: {sealed(raw)}", *headers, close=close, **more)

    def post(self, raw: bytes = EVENT, *headers: str) -> Response:
        """Send these bytes, signed."""
        [response] = self.at.ask(self.request(raw, *headers))
        return response

    def ask_all(self, raws: Sequence[bytes]) -> list[Response]:
        """Send each on a connection of its own, all of them open at once: the last byte of each goes at the end."""
        clients = [self.at.connect(raw[:-1]) for raw in raws]
        for client, raw in zip(clients, raws, strict=True):
            client.sendall(raw[-1:])
        answers = []
        for client in clients:
            with client:
                answers += responses(read_all(client))
        return answers

    def hang_up(self, raw: bytes) -> None:
        """Send, and be gone before the answer: the connection is reset."""
        client = self.at.connect(raw)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()

    def work(self) -> None:
        """Process until nothing is due."""
        while worker.step(worker.PROCESS):
            pass

    @property
    def deliveries(self) -> list[Delivery]:
        return list(Delivery.objects.filter(endpoint=self.endpoint).order_by("pk"))

    @property
    def contacts(self) -> list[Contact]:
        return list(Contact.objects.filter(workspace=self.endpoint.workspace_id).order_by("pk"))

    @property
    def events(self) -> list[Event]:
        return list(Event.objects.filter(workspace=self.endpoint.workspace_id).select_related("name").order_by("pk"))

    @property
    def noted(self) -> list[str]:
        """The codes of what the endpoint's page shows as turned away."""
        self.at.settle()
        return list(self.endpoint.refusals.order_by("pk").values_list("code", flat=True))


def sealed(raw: bytes, secret: str = SECRET, ago: int = 0) -> str:
    """The Stripe-Signature that Stripe would send, made `ago` seconds before now."""
    return sign(raw, secret.encode(), int(time()) - ago)


def sealed_at(written: str) -> Callable[[bytes], str]:
    """A right signature over whatever stands for the time."""

    def seal(raw: bytes) -> str:
        tag = hmac.new(SECRET.encode(), written.encode() + b"." + raw, hashlib.sha256).hexdigest()
        return f"t={written},v1={tag}"

    return seal


def error_of(response: Response) -> dict[str, str]:
    """What a refusal says, {} for an answer that is none."""
    found: dict[str, str] = json.loads(response.body).get("error", {})
    return found
