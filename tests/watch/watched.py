"""A web process's application with a watch of its own, and what it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from cocoonmail import asgi
from cocoonmail.watch.answers import Watch
from tests.intake.desk import RunningDoor, open_door
from tests.kit.rawhttp import Response


@dataclass
class Watched:
    """Who asks it."""

    at: RunningDoor
    watch: Watch

    def get(self, path: str, *headers: str, method: str = "GET", host: str = "127.0.0.1") -> Response:
        """The answer, the connection closed behind it."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
        [response] = self.at.ask("\r\n".join([*lines, "", ""]).encode())
        return response

    def verdict(self, path: str) -> tuple[int, Any]:
        """The status and the JSON."""
        response = self.get(path)
        return response.status, json.loads(response.body)

    def figures(self) -> dict[str, float]:
        """All that /metrics tells."""
        response = self.get("/metrics")
        assert response.status == 200, response.body
        return figures(response.body.decode())


def figures(text: str) -> dict[str, float]:
    """Samples as Prometheus reads them, by name and label values: `name value`."""
    families = text_string_to_metric_families(text)
    return {" ".join([one.name, *one.labels.values()]): one.value for family in families for one in family.samples}


@contextmanager
def watched(*, local: bool = True, trusted_proxies: int = 0) -> Iterator[Watched]:
    """Serve until the block ends."""
    before, asgi.watch = asgi.watch, Watch("web", local=local)
    try:
        with open_door(trusted_proxies=trusted_proxies) as at:
            yield Watched(at, asgi.watch)
    finally:
        asgi.watch = before
