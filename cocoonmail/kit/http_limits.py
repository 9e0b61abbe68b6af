"""The limits of the web server: how long, how large and how many."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, how large and how many. Times in seconds; a time-out is noticed at most `sweep_seconds` late.

    The defaults answer rows B26-B30 and B55 of the list of bad input: whoever is slow is gone within 10 seconds.
    """

    header_seconds: float = 9.0  # From the first byte of a request (or the connection's start) to its last header.
    body_seconds: float = 9.0  # Without a byte of the body.
    body_bytes_per_second: int = 500  # A body may be slower than this for `body_seconds` in all, then it is cut.
    keep_alive_seconds: float = 60.0  # Between two requests of one connection.
    send_seconds: float = 30.0  # Without the client taking a byte of our answer.
    linger_seconds: float = 2.0  # Reading on after a refusal, so that the client sees the answer and not a reset.
    stop_seconds: float = 18.0  # For the requests that are being answered when the server is asked to stop.
    sweep_seconds: float = 0.5
    target_bytes: int = 8 * KIB
    header_bytes: int = 32 * KIB  # Of all headers together.
    header_count: int = 100
    linger_bytes: int = 16 * MIB
    pipelined: int = 256  # Requests of one connection that wait for the answers before them.
    connections: int = 10_000
    # Connections above `connections` that are told 503 at the same time; what comes on top is dropped untold.
    refused_connections: int = 1_000

    def __post_init__(self) -> None:
        assert max(self.header_seconds, self.body_seconds) + self.sweep_seconds <= 10
        assert self.target_bytes <= self.header_bytes
        assert self.stop_seconds > self.header_seconds + self.sweep_seconds + self.linger_seconds
