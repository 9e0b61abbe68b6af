"""A real mail server (aiosmtpd) on a thread of its own: the far end of the wire in tests with real processes."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

START_SECONDS = 30.0


@dataclass(frozen=True)
class Letter:
    """What was taken: for whom, and the bytes."""

    recipient: str
    data: bytes

    def read(self) -> EmailMessage:
        """As the standard library reads it."""
        return message_from_bytes(self.data, policy=policy.default)

    @property
    def text(self) -> str:
        """Its plain text."""
        return self._part("plain")

    @property
    def html(self) -> str:
        """Its HTML."""
        return self._part("html")

    def _part(self, kind: str) -> str:
        body = self.read().get_body((kind,))
        assert body is not None, f"no text/{kind}"
        return str(body.get_content())


@dataclass
class Mailbox:
    """Takes every letter, oldest first. `on_letter` is called before the server answers the final dot."""

    port: int = 0
    letters: list[Letter] = field(default_factory=list)
    on_letter: Callable[[], None] | None = None
    password: str = ""

    @property
    def url(self) -> str:
        """The transport that leads here."""
        return f"smtp://{f'ada:{self.password}@' if self.password else ''}127.0.0.1:{self.port}"

    def knows(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, login: LoginPassword
    ) -> AuthResult:
        """Whether somebody logged in with the password."""
        return AuthResult(success=login.password == self.password.encode(), handled=False)

    def to(self, recipient: str) -> list[Letter]:
        """The letters for one address."""
        return [letter for letter in self.letters if letter.recipient == recipient]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep it."""
        assert isinstance(envelope.content, bytes)
        self.letters += [Letter(recipient, envelope.content) for recipient in envelope.rcpt_tos]
        if self.on_letter is not None:
            self.on_letter()
        return f"250 2.0.0 Ok: queued as {len(self.letters)}"


@contextmanager
def mailbox(password: str = "") -> Iterator[Mailbox]:
    """One that listens until the end of the block; with a password, for who logs in as ada."""
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    box, started, stop = Mailbox(password=password), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        def answer() -> Any:
            login: dict[str, Any] = {}
            if password:
                login = {"authenticator": box.knows, "auth_required": True, "auth_require_tls": False}
            return SMTP(box, hostname="mx.test", loop=loop, enable_SMTPUTF8=True, **login)

        listener = await loop.create_server(answer, "127.0.0.1", 0, backlog=128)
        box.port = listener.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        listener.close()
        await _hang_up()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="mailbox")
    thread.start()
    assert started.wait(START_SECONDS)
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS)
        loop.close()


async def _hang_up() -> None:
    """End the conversations that are still open."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
