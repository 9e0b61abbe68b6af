"""What a transport does after trouble with its server or the link to it: fewer connections, then pauses and probes."""

from __future__ import annotations

PAUSE_FIRST, PAUSE_LAST = 1.0, 300.0  # Seconds

# The share of its connections that a transport may have open, by how far it has stepped back. The last one is the
# probe: whatever the share, one connection is always allowed, and one connection is one message at a time.
SHARES = (1.0, 1 / 2, 1 / 4, 1 / 8, 0.0)
PROBE = len(SHARES) - 1
GOOD_PER_STEP = (
    10  # Successes in a row that are worth a step back up, so that a server's own limit is not met each time
)


class Backoff:
    """One transport's patience with its server. `now` is in seconds of any clock that never goes back.

    The first trouble halves the connections. More of it pauses the transport for 1 s, then lets one message through as
    a probe; each probe that meets trouble doubles the pause, up to 5 minutes. Ten successes in a row are a step back
    up, and make the next pause short again. Trouble says nothing against the message that met it: that one goes back
    to the queue as it came, with no attempt counted.
    """

    def __init__(self) -> None:
        self._step = 0
        self._pauses = 0
        self._good = 0
        self._until = 0.0

    def trouble(self, now: float) -> None:
        """A connection was refused or lost, or the server said 421. Many that meet one breakdown are one trouble."""
        if self.paused_until(now) is not None:
            return
        self._good = 0
        if self._step == 0:
            self._step = 1
            return
        self._step = PROBE
        self._until = now + min(PAUSE_FIRST * 2.0 ** min(self._pauses, 20), PAUSE_LAST)
        self._pauses += 1

    def good(self, now: float) -> None:
        """The server answered a message, whatever it said of it. In a pause this proves nothing: it was under way."""
        if self.paused_until(now) is not None:
            return
        self._good += 1
        if self._good == GOOD_PER_STEP:
            self._good = self._pauses = 0
            self._step = max(0, self._step - 1)

    def paused_until(self, now: float) -> float | None:
        """When a pause ends, None where there is none. Messages that are due before wait for it in the queue."""
        return self._until if now < self._until else None

    def open_connections_allowed(self, now: float, normal: int) -> int:
        """How many connections may be in use, of `normal` ones: none in a pause, else one at the least."""
        if self.paused_until(now) is not None:
            return 0
        return max(1, int(normal * SHARES[self._step]))
