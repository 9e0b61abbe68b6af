"""An answer that is written beforehand and leaves in one piece: for what is said many thousand times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# The ASGI extension and message type, of our own server's only. `start` and `body` are what ASGI knows; `rest` is what
# follows the server's own headers: the other headers, and the body.
WHOLE = "cocoonmail.http.response.whole"


def whole_answer(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> dict[str, Any]:
    """The message that sends this answer. The headers must have the body's length among them."""
    start = {"type": "http.response.start", "status": status, "headers": headers}
    rest = b"".join([b"%b: %b\r\n" % header for header in headers]) + b"\r\n" + body
    return {"type": WHOLE, "start": start, "body": {"type": "http.response.body", "body": body}, "rest": rest}
