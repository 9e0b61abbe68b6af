"""What the web server itself answers to a request that never reaches the application: one table, in JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope

RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Refusal:
    """One answer of the server: `{"error": {"code": …, "message": …}}`, after which the connection is closed."""

    status: HTTPStatus
    code: str
    message: str
    retry_after_seconds: int | None = None

    def answer(self) -> bytes:
        """The whole HTTP/1.1 response."""
        head = [f"HTTP/1.1 {self.status.value} {self.status.phrase}\r\n".encode()]
        for name, value in self._headers():
            head += [name, b": ", value, b"\r\n"]
        return b"".join([*head, b"\r\n", self._body()])

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """The same as an ASGI application."""
        await send(
            {"type": "http.response.start", "status": self.status, "headers": self._headers(), "trailers": False}
        )
        await send({"type": "http.response.body", "body": self._body(), "more_body": False})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(self._body())).encode()),
            (b"connection", b"close"),
        ]
        if self.retry_after_seconds is not None:
            headers.append((b"retry-after", str(self.retry_after_seconds).encode()))
        return headers

    def _body(self) -> bytes:
        return json.dumps({"error": {"code": self.code, "message": self.message}}).encode()


class Refused(Exception):
    """Raised inside a parser callback to stop reading this connection."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def not_http(reason: str) -> Refusal:
    """A request that the parser gave up on; `reason` is one of the parser's own fixed sentences."""
    return Refusal(HTTPStatus.BAD_REQUEST, "malformed_request", f"This is not a valid HTTP request: {reason}.")


UNEXPECTED = not_http("the request line or a header could not be read")
ENDED_EARLY = not_http("it ended before it was complete")
REPEATED_HEADER = not_http("Host, Content-Length, Transfer-Encoding and Expect may each be sent only once")
NO_HOST = not_http("the Host header is missing")
# RFC 9112 section 6.1: what frames the body in two ways is how requests are smuggled past a proxy.
AMBIGUOUS_LENGTH = not_http("it has both Content-Length and Transfer-Encoding")
NOT_CHUNKED = not_http("the only Transfer-Encoding read here is chunked, in HTTP/1.1")
# The parser takes everything after the headers of such a request for the new protocol, so its body is lost.
UPGRADE_WITH_BODY = not_http("a request with a body cannot ask for an upgrade to another protocol")
UNKNOWN_VERSION = Refusal(
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "http_version_not_supported", "This server speaks HTTP/1.0 and HTTP/1.1."
)
TOO_SLOW = Refusal(
    HTTPStatus.REQUEST_TIMEOUT,
    "request_timeout",
    "The request did not arrive in time. Nothing was done; send it again.",
)
TARGET_TOO_LONG = Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, "target_too_long", "The URL of this request is too long.")
HEADERS_TOO_LARGE = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", "This request has too many or too large headers."
)
TOO_MANY_AT_ONCE = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too_many_pipelined_requests",
    "Too many requests were sent on one connection before their answers were read. Send this one again.",
    RETRY_AFTER_SECONDS,
)
OVERLOADED = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too_many_connections",
    "Too many connections are open. Nothing was done; try again in a few seconds.",
    RETRY_AFTER_SECONDS,
)
BROKEN = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here. Try again later.")
