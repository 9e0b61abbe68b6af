"""What the doctor says of the way from outside: real sockets, and proxies that do what proxies do wrong."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cocoonmail.intake.door import BODY_MAX
from cocoonmail.watch.doctor import proxy
from cocoonmail.watch.doctor.finding import Finding
from tests import ground
from tests.house import Installation, free_port, installation
from tests.shop import FILE
from tests.watch.watched import watched

pytestmark = pytest.mark.django_db(transaction=True)


class Between(BaseHTTPRequestHandler):
    """A proxy. `fault` names what is wrong with it, "" nothing."""

    target, fault = 0, ""

    def do_GET(self) -> None:
        """Hand a request on."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.fault == "another site":
            self._answer(200, b"<h1>It works</h1>")
        elif self.fault == "moved" or (self.fault == "hooks moved" and self.path.startswith("/hooks/")):
            self._answer(301, b"", ("Location", f"https://www.example.com{self.path}"))
        elif self.fault == "hooks elsewhere" and self.path.startswith("/hooks/"):
            self._answer(404, b"not here")
        elif self.fault == "small bodies" and len(body) > 100_000:
            self._answer(413, b"<h1>Request Entity Too Large</h1>")
        else:
            self._hand_on(body)

    do_POST = do_GET  # noqa: N815

    def _hand_on(self, body: bytes) -> None:
        chain = [self.headers.get("x-forwarded-for", ""), self.client_address[0]]
        headers = {"X-Forwarded-For": ", ".join(filter(None, chain)), "X-Forwarded-Proto": "https"}
        if self.fault == "no scheme":
            del headers["X-Forwarded-Proto"]
        if self.fault == "passes on":
            headers["X-Forwarded-For"] = chain[0]
        onward = http.client.HTTPConnection("127.0.0.1", self.target, timeout=20)
        try:
            onward.request(self.command, self.path, body, headers)
            answer = onward.getresponse()
            self._answer(answer.status, answer.read())
        finally:
            onward.close()

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def between(target: int, fault: str = "") -> Iterator[str]:
    """The URL of a proxy before a port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("This", (Between,), {"target": target, "fault": fault}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def told(url: str, settings: object, secure: bool = False) -> dict[str, str]:
    """The findings' words with their level."""
    settings.BASE_URL, settings.TRUSTED_PROXIES = url, 1  # type: ignore[attr-defined]
    found: list[Finding] = list(proxy.proxy())
    if secure:
        found += proxy.forwarded(proxy.ask(url, "GET", "/healthz", {"X-Forwarded-For": proxy.INVENTED}), True)
    return {one.what: one.level.value for one in found}


def test_a_proxy_that_does_all_right_is_well(settings: object) -> None:
    with watched(trusted_proxies=1) as web, between(web.at.port) as url:
        found = told(url, settings, secure=True)
    assert set(found.values()) == {"ok"}, found
    assert len(found) == 4


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("another site", "answers 200, but that is not Cocoonmail"),
        ("moved", "/readyz is redirected to https://www.example.com/readyz"),
        ("hooks moved", "Webhooks are redirected to https://www.example.com/hooks/"),
        ("hooks elsewhere", "Webhooks do not reach the door: something else answers 404"),
        ("small bodies", f"A body of {BODY_MAX // 1024} KiB does not reach the door (413)"),
        ("no scheme", "Requests that came by https look like http here"),
        ("passes on", "Anybody can invent the address that they come from"),
    ],
)
def test_what_a_proxy_does_wrong_is_found(settings: object, fault: str, words: str) -> None:
    with watched(trusted_proxies=1) as web, between(web.at.port, fault) as url:
        found = told(url, settings, secure=True)
    assert [level for what, level in found.items() if words in what] == ["problem"], found


def test_a_proxy_that_is_not_trusted_leaves_everybody_one_address(settings: object) -> None:
    settings.BASE_URL, settings.TRUSTED_PROXIES = "https://127.0.0.1:1", 0  # type: ignore[attr-defined]
    first, second = proxy.proxy()
    assert "COCOONMAIL_TRUSTED_PROXIES=1" in first.remedy
    assert "Nobody answers at https://127.0.0.1:1" in second.what


def test_a_certificate_that_is_not_good_is_said(settings: object) -> None:
    with watched() as web:
        said = proxy.ask(f"https://127.0.0.1:{web.at.port}", "GET", "/readyz")
    assert said.status == 0
    assert "certificate or TLS" in said.words


def test_a_process_that_is_not_ready_is_said_with_its_reason(settings: object) -> None:
    with watched() as web:
        web.watch.stop()
        found = told(f"http://127.0.0.1:{web.at.port}", settings)
    assert found[f"http://127.0.0.1:{web.at.port} is not ready: This process is stopping."] == "problem"


@pytest.mark.processes
def test_the_command_examines_a_running_installation_and_its_exit_code_says_how_it_is(tmp_path: Path) -> None:
    with installation(tmp_path, FILE % "capture") as house:
        house.port = free_port()
        ill = examined(house)
        assert "No worker is alive" in ill
        assert "Nobody answers at" in ill
        house.up()
        house.until(lambda: house.rows("SELECT 1 FROM watch_worker"), "had a worker's heartbeat")
        if ground.POSTGRES:
            # The tests' server does not wait for the disk (tests/ground.py): nothing else may be wrong.
            said = examined(house)
            assert set(re.findall(r"problem +\w+ +(\S+ \S+ \S+)", said)) == {
                "PostgreSQL's fsync is",
                "PostgreSQL's full_page_writes is",
            }
        else:
            said = house.command("doctor")
            assert "SQLite waits for the disk at each commit" in said
            assert '"ill": false' in house.command("doctor", "--json")
        assert "1 worker is alive." in said
        assert "mail is captured" in said


def examined(house: Installation) -> str:
    """What the command says that ends with 1."""
    with pytest.raises(AssertionError) as failed:
        house.command("doctor")
    said = str(failed.value)
    assert "Traceback" not in said
    return said
