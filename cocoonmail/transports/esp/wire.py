"""HTTP that knows whether any byte of a request may have left, for that decides whether trying again is safe."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from cocoonmail.transports.base import printable
from cocoonmail.transports.esp.meaning import Silence

IDLE_MAX = 10.0  # Seconds after which a kept connection is not trusted: a request that meets its end is unclear
_thread = threading.local()


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to connect, to wait for the answer, and before each repeat under the same idempotency key."""

    connect: float = 10
    answer: float = 100
    repeats: tuple[float, ...] = (2, 8, 20)


class NoAnswer(Exception):
    """The request has no whole answer."""

    def __init__(self, silence: Silence) -> None:
        super().__init__(silence.reason)
        self.silence = silence


class Wire(requests.Session):
    """One HTTP session for all threads of a transport. It follows no redirect and repeats nothing by itself."""

    def __init__(self, patience: Patience, at_once: int) -> None:
        super().__init__()
        self._patience = patience
        self.headers["User-Agent"] = "Cocoonmail"
        # As for SMTP, OpenSSL's own variable may name the authorities to trust.
        self._authorities = os.environ.get("SSL_CERT_FILE") or True
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Adapter(pool_maxsize=at_once))

    def post_once(self, **params: Any) -> requests.Response:
        """Make this one request and read its whole answer. Raises NoAnswer."""
        _thread.sent = False
        patience = (self._patience.connect, self._patience.answer)
        try:
            return self.request(**params, allow_redirects=False, timeout=patience, verify=self._authorities)
        except (requests.RequestException, OSError) as error:
            raise NoAnswer(Silence(_thread.sent, self._reason(error))) from error

    def _reason(self, error: BaseException) -> str:
        if not _thread.sent:
            cause = list(_causes(error))[-1]
            return printable(getattr(cause, "strerror", "") or str(cause), 200)
        if isinstance(error, requests.Timeout):
            return f"{self._patience.answer:g} seconds passed"
        return "The connection was lost"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what led to it, and so on down to the system's own words."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__


class _Noting(HTTPConnection):
    """Notes for its thread when the first byte of a request goes out; what connecting takes does not count."""

    _used = 0.0

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            _thread.sent = False
            self._used = monotonic()

    def request(self, *args: Any, **kwargs: Any) -> None:
        if monotonic() - self._used > IDLE_MAX:
            self.close()
        super().request(*args, **kwargs)
        self._used = monotonic()

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _thread.sent = True
        super().send(data)


class _NotingTls(_Noting, HTTPSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Noting


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _NotingTls


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _note(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        return _note(super().proxy_manager_for(*args, **kwargs))


def _note(manager: PoolManager) -> PoolManager:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
