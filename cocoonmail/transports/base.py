"""The values and the seam that every way of sending shares: two steps, with the caller's mark between them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

WORDS_MAX = 500  # Characters of a server's answer that are kept


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message for one recipient.

    `sender` is the return path ("" for none) and `recipient` the mailbox, both bare addresses. `data` is the whole
    MIME message; line ends of any kind become CRLF on the wire, `crlf` says that they are. `smtputf8` says that `data`
    has header fields in UTF-8 (RFC 6532), so that a server without SMTPUTF8 cannot take it.
    """

    sender: str
    recipient: str
    data: bytes
    smtputf8: bool = False
    crlf: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """The server took the message over (RFC 5321 §6.1). `receipt` is its answer, often with its queue id."""

    receipt: str
    conversation: str = field(default="", kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Deferred:
    """The server does not have the message, and may take it later.

    `slow_down` is true where the trouble is with the server or the link to it and not with this message: fewer
    attempts should be made through this transport for a while. `status` is the enhanced status code (RFC 3463) or "".
    """

    reason: str
    slow_down: bool = False
    status: str = field(default="", kw_only=True)
    conversation: str = field(default="", kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will never take this message. `status` is the enhanced status code (RFC 3463) or "".

    `lacking` is true where nothing was said yet, for the server lacks an extension that the message needs: another
    server, or this one some day, would take it.
    """

    reason: str
    lacking: bool = field(default=False, kw_only=True)
    status: str = field(default="", kw_only=True)
    conversation: str = field(default="", kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unknown:
    """The final dot may have reached the server and no answer came: the message may or may not have been taken."""

    reason: str
    conversation: str = field(default="", kw_only=True, compare=False, repr=False)


Outcome: TypeAlias = Accepted | Deferred | Refused | Unknown


class Prepared(ABC):
    """A message of which the server has everything but the final dot. Exactly one of the two is called, once."""

    @abstractmethod
    async def commit(self) -> Outcome:
        """Send the final dot and wait for the answer. The caller's mark must be on disk before."""

    @abstractmethod
    async def abandon(self) -> None:
        """Close the connection without the dot, so that the server throws the message away (RFC 5321 §4.1.1.10)."""


Handover: TypeAlias = Prepared | Deferred | Refused


class Paused(Exception):
    """The server gave trouble, and nothing is tried for some seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(self.__doc__)
        self.seconds = seconds


class Connection(Protocol):
    """One conversation with a server, for one message at a time."""

    async def prepare(self, envelope: Envelope) -> Handover:
        """Hand over all but the final dot. Network trouble is an outcome here, never an exception."""
        ...


class Transport(Protocol):
    """A way for bytes to leave."""

    async def prepare(self, envelope: Envelope) -> Handover:
        """Hand one message over, all but the final dot. A Prepared holds a connection until commit or abandon."""
        ...

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """A connection that is the caller's alone inside the `async with`; a message left uncommitted is abandoned.

        Raises Paused while a transport that met trouble rests.
        """
        ...

    async def aclose(self) -> None:
        """Say goodbye on every kept connection."""
        ...


def printable(text: str, limit: int = WORDS_MAX) -> str:
    """Somebody else's words made fit to store and show: printable characters on one line, at most `limit` of them."""
    kept = text if text.isprintable() else "".join(c if c.isprintable() else " " for c in text)
    return kept[:limit].strip()
