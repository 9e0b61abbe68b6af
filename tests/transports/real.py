"""A real mail server (aiosmtpd) on loopback, with TLS and logins, that keeps what it takes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.transports.logins import PASSWORD, USER, LoginServer, Tokens

__all__ = ["MECHANISMS", "PASSWORD", "USER", "Inbox", "mail_server"]

MECHANISMS = ("SCRAM-SHA-256", "PLAIN", "LOGIN", "XOAUTH2")


@dataclass
class Inbox:
    """What was taken, and how it came."""

    port: int = 0
    envelopes: list[Envelope] = field(default_factory=list)
    logins: list[Any] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    tokens: Tokens = field(default_factory=Tokens)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep it."""
        self.envelopes.append(envelope)
        self.logins.append(session.auth_data)
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return f"250 2.0.0 Ok: queued as {len(self.envelopes)}"


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    """Let Alice in."""
    known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False, auth_data=USER)


@asynccontextmanager
async def mail_server(
    tls: ssl.SSLContext | None = None, *, implicit: bool = False, login: str = "", **options: Any
) -> AsyncIterator[Inbox]:
    """One that runs until the end. `login` names the mechanisms that it asks for, "" for no login."""
    inbox = Inbox()
    if login:
        others = [name for name in MECHANISMS if name not in login.split()]
        options |= {"authenticator": authenticate, "auth_required": True, "auth_exclude_mechanism": others}
        options.setdefault("auth_require_tls", tls is not None and not implicit)

    def serve() -> SMTP:
        return LoginServer(
            inbox,
            tokens=inbox.tokens,
            hostname="mx.test",
            loop=asyncio.get_running_loop(),
            enable_SMTPUTF8=True,
            tls_context=None if implicit else tls,
            require_starttls=tls is not None and not implicit,
            **options,
        )

    listener = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", 0, ssl=tls if implicit else None)
    inbox.port = listener.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        listener.close()
        await asyncio.sleep(0)
