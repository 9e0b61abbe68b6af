"""A request that came in one piece and its answer in one: taken without a task of its own, many thousand a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

if TYPE_CHECKING:
    from cocoonmail.kit.http_guard import GuardedProtocol

CLOSE = b"connection: close\r\n"


class WholeAnswer(NamedTuple):
    """An answer that was written beforehand: `rest` follows the server's own headers."""

    status: int
    rest: bytes


Reply: TypeAlias = Callable[[WholeAnswer], None]


class Express(Protocol):
    """Who takes whole requests for paths that begin with `prefix`."""

    prefix: bytes

    def take(self, path: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes, reply: Reply) -> bool:
        """Whether it is taken: then `reply` is called once, now or later, on the loop. Else the application gets it."""


def whole_answer(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> WholeAnswer:
    """The answer with these headers, which must have the body's length among them."""
    return WholeAnswer(status, b"".join([b"%b: %b\r\n" % header for header in headers]) + b"\r\n" + body)


class _Nobody:
    def set(self) -> None:
        """Nobody waits to be woken."""


_NOBODY = _Nobody()


class Parcel:
    """A whole request, which its connection holds where other requests have their cycle."""

    __slots__ = ("_connection", "body", "disconnected", "headers", "keep_alive", "path", "response_complete")

    message_event = _NOBODY
    more_body = False

    def __init__(self, connection: GuardedProtocol) -> None:
        self._connection = connection
        self.path, self.headers, self.body = connection.url, connection.headers, b""
        self.keep_alive, self.disconnected, self.response_complete = True, False, False

    @property
    def response_started(self) -> bool:
        """An answer in one piece is never half on its way."""
        return self.response_complete

    def reply(self, answer: WholeAnswer) -> None:
        """Write the answer, if somebody is still there, and let the connection go on."""
        self.response_complete = True
        connection = self._connection
        transport = connection.transport
        if self.disconnected or transport.is_closing():
            return
        own = _written(connection.server_state.default_headers)
        transport.write(b"".join((STATUS_LINE[answer.status], own, b"" if self.keep_alive else CLOSE, answer.rest)))
        if not self.keep_alive:
            transport.close()
        connection.on_response_complete()


def _written(headers: list[tuple[bytes, bytes]]) -> bytes:
    """The server's own headers, which are a new list each second."""
    if _last[0] is not headers:
        _last[:] = headers, b"".join([b"%b: %b\r\n" % header for header in headers])
    written: bytes = _last[1]
    return written


_last: list[Any] = [None, b""]
