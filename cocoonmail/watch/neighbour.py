"""The worker on this machine: where its figures are, and what they say."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

PATIENCE = 3.0  # Seconds
ANSWER_MAX = 4 * 1024 * 1024  # Bytes
FILE = "worker-metrics"  # In the data folder


class Silent(RuntimeError):
    """No worker of this machine tells its figures. Is it running, and with --metrics-port?"""


def address_file() -> Path:
    """The file that holds the address, while a worker answers there."""
    folder: Path = settings.DATA
    return folder / FILE


def ask_worker(accept: str) -> tuple[bytes, str]:
    """Its figures and their content type. Raises Silent."""
    try:
        where = urlsplit(address_file().read_text())
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)
        try:
            token = {"Authorization": f"Bearer {settings.METRICS_TOKEN}"} if settings.METRICS_TOKEN else {}
            connection.request("GET", "/metrics", headers={"Accept": accept, **token})
            answer = connection.getresponse()
            body = answer.read(ANSWER_MAX)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise Silent(Silent.__doc__) from error
    if answer.status != 200:
        raise Silent(Silent.__doc__)
    return body, answer.headers.get("content-type", "text/plain")
