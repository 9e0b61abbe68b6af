"""Ask a platform's API one question over HTTPS, within a worker's lease."""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import monotonic

from cocoonmail.kit.claims import LEASE
from cocoonmail.platforms.base import NotNow, Question

CONNECT, SILENCE = 5.0, 8.0  # Seconds to connect, and without a byte
WHOLE = 12.0  # Seconds for the whole answer
BODY_MAX = 64 * 1024 * 1024  # Bytes; a page of a hundred events has mostly less than one million
PIECE = 64 * 1024  # Bytes

assert LEASE.total_seconds() > WHOLE + SILENCE


def ask(api: str, question: Question) -> tuple[int, Mapping[str, str], bytes] | NotNow:
    """Status, headers (lower-case names) and body of the answer, or why there is none. Follows no redirect."""
    # These take a tenth of a second, and are hardly ever wanted.
    import requests
    from urllib3.exceptions import HTTPError

    end = monotonic() + WHOLE
    try:
        with requests.get(
            f"{api}{question.path}",
            params=question.params,
            headers={"User-Agent": "Cocoonmail", **question.headers},
            timeout=(CONNECT, SILENCE),
            allow_redirects=False,
            stream=True,
            # As for SMTP, OpenSSL's own variable may name the authorities to trust.
            verify=os.environ.get("SSL_CERT_FILE") or True,
            auth=lambda request: request,  # The header holds, whatever a .netrc says.
        ) as answer:
            body = bytearray()
            while piece := answer.raw.read1(PIECE, decode_content=True):  # What is there, without a wait for more
                body += piece
                if len(body) > BODY_MAX or monotonic() > end:
                    return NotNow("The answer was too long, or took too long")
            return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, bytes(body)
    except (requests.RequestException, HTTPError) as error:
        return NotNow(f"There was no answer: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """What led to it, in the system's words; never the request, which holds a key."""
    cause = error
    while (inner := cause.__cause__ or cause.__context__) is not None:
        cause = inner
    return (getattr(cause, "strerror", "") or type(cause).__name__)[:200]
