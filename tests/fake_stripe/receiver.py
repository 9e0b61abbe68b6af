"""A webhook endpoint that writes down what it gets and answers as it is told: the near end of the wire in tests."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MEETING_LIMIT = 60.0  # seconds that requests wait for each other where a test wants them at the same time


class Server(ThreadingHTTPServer):
    """Python's own server with room for many connections at once; its five would let duplicates arrive one by one."""

    daemon_threads = True
    request_queue_size = 128


@dataclass(frozen=True)
class Received:
    """One request, with header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`with Receiver() as receiver:` listens at `receiver.url`. Answers 200 but for what `answer_with` says."""

    requests: list[Received] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)
    meeting: threading.Barrier | None = None

    def __enter__(self) -> Receiver:
        self.server = Server(("127.0.0.1", 0), handler_for(self))
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *trouble: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/hooks/stripe/abc"

    def answer_with(self, *statuses: int) -> None:
        """The next answers, one for each request to come; 200 after them."""
        self.statuses.extend(statuses)

    def expect_together(self, number: int) -> None:
        """Answer only when so many requests are here at the same time; 409 if they do not come."""
        self.meeting = threading.Barrier(number, timeout=MEETING_LIMIT)

    def answer(self, received: Received) -> int:
        """The status for this request."""
        self.requests.append(received)
        try:
            if self.meeting:
                self.meeting.wait()
        except threading.BrokenBarrierError:
            return 409
        return self.statuses.popleft() if self.statuses else 200


def handler_for(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    """The HTTP side."""

    class Handler(BaseHTTPRequestHandler):
        """Reads one request, answers with JSON."""

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent: pytest shows what matters."""

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.answer(Received(self.path, headers, body))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/hooks/elsewhere")
            self.end_headers()
            self.wfile.write(b'{"received": true}' if status < 300 else b'{"error": "told to"}')

    return Handler
