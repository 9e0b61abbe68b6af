"""One HTTP connection that waits for nobody: uvicorn's protocol with limits on time, size and number."""

from __future__ import annotations

import asyncio
import urllib.parse
from typing import TYPE_CHECKING, Any, cast

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cocoonmail.kit import http_refusals as say
from cocoonmail.kit.http_cycle import Cycle, Flow
from cocoonmail.kit.http_limits import Limits
from cocoonmail.kit.http_proxies import client_behind, scheme_behind
from cocoonmail.kit.http_refusals import Refusal, Refused
from cocoonmail.kit.http_whole import Express, Parcel

if TYPE_CHECKING:
    from uvicorn._types import HTTPScope
    from uvicorn.config import Config
    from uvicorn.server import ServerState

# What a connection is in the middle of reading.
_NOTHING, _HEAD, _BODY, _LEAVING = range(4)

_ONCE = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol, guarded.

    There is no timer per connection: each carries a `deadline`, and the server's one sweep calls `overdue()` on those
    that have passed. The deadline is not taken back when the client has done its part; `overdue()` sees that.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits,
        trusted_proxies: int = 0,
        express: Express | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.limits = limits
        self.trusted_proxies = trusted_proxies
        self.deadline = self.loop.time() + limits.header_seconds
        self._reading = _NOTHING
        self._since = 0.0  # When the unfinished head or body began, on the loop's clock; 0 = not timed yet.
        self._size = 0  # Bytes of the read that is being parsed.
        self._begun_in = 0  # Bytes of the read in which the request began, those before it among them.
        self._fruitless = 0  # Bytes read since a request began or brought a part of its body.
        self._body_bytes = 0
        self._once: dict[bytes, bytes] = {}
        self._last_words: bytes | None = None
        self._unsent: int | None = None
        self._express = express
        self._parcel: Parcel | None = None  # The request that is being read, as long as it may turn out to be whole.

    # What the transport calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, unless there are too many."""
        super().connection_made(transport)
        self.flow = Flow(transport, self.pipeline)
        too_many = len(self.connections) - self.limits.connections
        if too_many > self.limits.refused_connections:
            transport.abort()
        elif too_many > 0:
            self._refuse(say.OVERLOADED)

    def data_received(self, data: bytes) -> None:
        """Parse what came; what is then unfinished gets a deadline."""
        self._size = len(data)
        self._fruitless += self._size
        if self._reading == _LEAVING:
            self._discard()
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._ignore_upgrade()
        except httptools.HttpParserError as error:
            self._refuse(_refusal_in(error))
        if self._reading:
            self._unwrap()
            self._expect_more()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Let what is due be answered first: the client has said all that it wants to say, and still listens."""
        if self._reading in (_HEAD, _BODY):
            self._refuse(say.ENDED_EARLY)
        if not self._answering():
            return None
        if self._last_words is None:
            self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """Give the client, which does not take its answer, a deadline for that."""
        super().pause_writing()
        self._unsent = None
        self.deadline = self.loop.time() + self.limits.send_seconds

    # What the parser calls, once or more for each request.

    def on_message_begin(self) -> None:
        """A request begins."""
        self.url, self.headers, self._once = b"", [], {}
        self._reading, self._since, self._fruitless, self._begun_in = _HEAD, 0.0, 0, self._size

    def on_url(self, url: bytes) -> None:
        """A piece of the request's target."""
        self.url += url
        if len(self.url) > self.limits.target_bytes:
            raise Refused(say.TARGET_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer of a chunked body."""
        name = name.lower()
        self.headers.append((name, value))
        if name in _ONCE:
            if name in self._once:
                raise Refused(say.REPEATED_HEADER)
            self._once[name] = value

    def on_headers_complete(self) -> None:
        """Start the application on this request, or let it wait until those before it are answered."""
        version = self.parser.get_http_version()
        self._check_headers(version)
        if self._express is not None and self._may_be_whole(version, self._express.prefix):
            self._parcel, self._reading = Parcel(self), _BODY
        else:
            self._begin(version)

    def on_body(self, body: bytes) -> None:
        """A piece of the body, for the application to fetch."""
        self._fruitless = 0
        if self._parcel is not None:
            self._parcel.body += body
            return
        cycle = self.cycle
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """The request has been read to its end."""
        if self._parcel is not None and self._taken(self._parcel):
            return
        self._reading = _NOTHING
        self.cycle.more_body = False
        self.cycle.message_event.set()

    # What the application's answer calls.

    def on_response_complete(self) -> None:
        """Go on to what waits behind this answer: a request, a refusal, or the client."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif self._last_words is not None:
            self._say_last_words()
        elif not self._reading:
            self.deadline = self.loop.time() + self.limits.keep_alive_seconds
        self.flow.resume_reading()

    # What the sweep calls.

    def overdue(self, now: float) -> None:
        """The deadline has passed: find out what this connection waits for, and whose fault that is."""
        if self.transport.is_closing() or self.flow.write_paused:
            self._watch_sending(now)
        elif self._reading == _BODY and self.flow.read_paused:
            # We asked the client to wait. Its time starts anew.
            self._since, self._body_bytes, self.deadline = now, 0, now + self.limits.body_seconds
        elif self._reading in (_HEAD, _BODY):
            self._refuse(say.TOO_SLOW)
        elif not self._answering():
            self.transport.close()

    # How a request goes its way.

    def _may_be_whole(self, version: str, prefix: bytes) -> bool:
        return (
            self.url.startswith(prefix)
            and version == "1.1"
            and self.parser.get_method() == b"POST"
            and self.parser.should_keep_alive()
            and not (b"expect" in self._once or b"transfer-encoding" in self._once or self.parser.should_upgrade())
            and not (self._answering() or self.flow.write_paused)
        )

    def _taken(self, parcel: Parcel) -> bool:
        assert self._express is not None
        before, self.cycle = self.cycle, cast(RequestResponseCycle, parcel)
        self._reading = _NOTHING
        if self._express.take(parcel.path, parcel.headers, parcel.body, parcel.reply):
            self._parcel = None
            return True
        self.cycle = before
        self._unwrap()
        return False

    def _unwrap(self) -> None:
        """What came so far is not whole, or not taken: it goes the usual way."""
        if self._parcel is not None:
            body, self._parcel = self._parcel.body, None
            self._begin("1.1")
            self.on_body(body)

    def _begin(self, version: str) -> None:
        """Start the application on a request whose headers were read, or let it wait for those before it."""
        cycle = Cycle(
            scope=self._scope(version),
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self._once.get(b"expect", b"").lower() == b"100-continue",
            keep_alive=version == "1.1" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        cycle.leave = self._leave
        # Trailers of a chunked body must not be taken for headers: they are counted and dropped.
        self.headers, self._reading, self._since, self._body_bytes = [], _BODY, 0.0, 0
        waits = self._answering()
        self.cycle = cycle
        if waits:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))
        else:
            self._start_asgi_task(cycle, self.app)

    # How reading goes on, and how it ends.

    def _check_headers(self, version: str) -> None:
        limits = self.limits
        if version not in ("1.1", "1.0"):
            raise Refused(say.UNKNOWN_VERSION)
        if len(self.headers) > limits.header_count:
            raise Refused(say.HEADERS_TOO_LARGE)
        read = self._begun_in + self._fruitless
        if read > limits.header_bytes and _size(self.headers) > limits.header_bytes:
            raise Refused(say.HEADERS_TOO_LARGE)
        if len(self.pipeline) >= limits.pipelined:
            raise Refused(say.TOO_MANY_AT_ONCE)
        if b"host" not in self._once and version == "1.1":
            # RFC 9112 section 3.2.
            raise Refused(say.NO_HOST)
        if b"transfer-encoding" in self._once or self.parser.should_upgrade():
            self._check_framing(version)

    def _check_framing(self, version: str) -> None:
        has_length, encoding = b"content-length" in self._once, self._once.get(b"transfer-encoding")
        if has_length and encoding is not None:
            raise Refused(say.AMBIGUOUS_LENGTH)
        if encoding is not None and (version == "1.0" or encoding.lower() != b"chunked"):
            raise Refused(say.NOT_CHUNKED)
        if self.parser.should_upgrade() and (encoding is not None or self._once.get(b"content-length", b"0") != b"0"):
            raise Refused(say.UPGRADE_WITH_BODY)

    def _scope(self, version: str) -> HTTPScope:
        url = httptools.parse_url(self.url)
        raw_path = url.path or b"/"
        path = raw_path.decode("ascii")
        scope: HTTPScope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "method": self.parser.get_method().decode("ascii"),
            "scheme": self.scheme or "http",
            "path": urllib.parse.unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": url.query or b"",
            "root_path": "",
            "headers": self.headers,
            "client": self.client,
            "server": self.server,
            "state": self.app_state.copy(),
        }
        if self.trusted_proxies:
            scope["client"] = client_behind(self.headers, self.client, self.trusted_proxies)
            scope["scheme"] = scheme_behind(self.headers, self.scheme or "http", self.trusted_proxies)
        return scope

    def _expect_more(self) -> None:
        """A request has begun and not ended: see that it stays small, and give it a deadline."""
        if self._reading == _LEAVING:
            return
        limits = self.limits
        if self._fruitless > limits.header_bytes:
            self._refuse(say.HEADERS_TOO_LARGE)
            return
        now = self.loop.time()
        started, self._since = self._since, self._since or now
        if self._reading == _HEAD:
            self.deadline = self._since + limits.header_seconds
            return
        if started:
            self._body_bytes += self._size
        earned = self._since + self._body_bytes / limits.body_bytes_per_second
        self.deadline = min(now, earned) + limits.body_seconds

    def _answering(self) -> bool:
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.disconnected

    def _refuse(self, refusal: Refusal) -> None:
        """Read no more, and say why as soon as the requests before this one are answered."""
        self._unwrap()
        in_body, self._reading, self._fruitless = self._reading == _BODY, _LEAVING, 0
        if in_body and self.pipeline:
            # The last in the pipeline is the one whose body failed: when its turn comes, this is its answer.
            self.pipeline[0] = (self.cycle, refusal)
            return
        if in_body:
            self._withdraw(self.cycle)
        self._last_words = refusal.answer()
        if not self._answering():
            self._say_last_words()

    def _withdraw(self, cycle: RequestResponseCycle) -> None:
        """Tell the application that the rest of this request will not come, and let it answer no more."""
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle.response_started:
            # Half of another answer is on its way already.
            self.transport.abort()

    def _say_last_words(self) -> None:
        assert self._last_words is not None
        if not self.transport.is_closing():
            self.transport.write(self._last_words)
            self._leave()

    def _leave(self) -> None:
        """Close our side now, and the client's when it is done sending, which it may be too busy with to listen.

        Closing both at once while bytes are unread would reset the connection, and our answer be lost (RFC 9112
        section 9.6).
        """
        self._reading, self._fruitless = _LEAVING, 0
        self.deadline = self.loop.time() + self.limits.linger_seconds
        self.transport.write_eof()
        self.flow.resume_reading()

    def _discard(self) -> None:
        if self._fruitless > self.limits.linger_bytes:
            self.transport.abort()

    def _ignore_upgrade(self) -> None:
        """Answer as if no other protocol had been asked for (RFC 9110 section 7.8).

        The parser cannot go on after it.
        """
        self._reading = _LEAVING
        self.cycle.keep_alive = False

    def _watch_sending(self, now: float) -> None:
        unsent = self.transport.get_write_buffer_size()
        if self._unsent is not None and unsent >= self._unsent:
            self.transport.abort()
        self._unsent, self.deadline = unsent, now + self.limits.send_seconds


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + len(": \r\n") for name, value in headers)


def _refusal_in(error: httptools.HttpParserError) -> Refusal:
    match error.__context__:
        case Refused(refusal=refusal):
            return refusal
        case None:
            return say.not_http(str(error))
        case _:
            return say.UNEXPECTED
