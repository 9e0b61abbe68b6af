"""The files to run Cocoonmail elsewhere: right by the tools they are for, and a webhook comes through both proxies."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import yaml

from cocoonmail.intake.door import BODY_MAX
from tests.house import free_port
from tests.intake.desk import Desk, RunningDoor, open_door, sealed
from tests.intake.test_express import numbered
from tests.transports import certificates as making

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
PATIENCE = 60  # Seconds
UNITS = sorted(DEPLOY.glob("*.service"))

pytestmark = [pytest.mark.one_database, pytest.mark.django_db(transaction=True)]


def tool(name: str) -> str:
    """Where a program is; skips the test without it."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not here")
    return found


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_takes_each_unit(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name.replace("@", "@8001")
    copy.write_text(unit.read_text().replace("/opt/cocoonmail/bin/cocoonmail", "/bin/true"))
    done = subprocess.run(
        [tool("systemd-analyze"), "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    assert unit.name not in done.stderr, done.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_waits_for_the_graceful_stop_and_gets_no_more_rights_than_it_needs(unit: Path) -> None:
    said = unit.read_text()
    [patience] = re.findall(r"^TimeoutStopSec=(\d+)$", said, re.MULTILINE)
    assert int(patience) > 25  # Promise W11
    for line in ("NoNewPrivileges=true", "ProtectSystem=strict", "CapabilityBoundingSet=", "User=cocoonmail"):
        assert f"\n{line}\n" in said


def test_what_the_files_set_is_a_setting_of_ours() -> None:
    known = set(re.findall(r"COCOONMAIL_[A-Z_]+", (ROOT / "docs/operating.md").read_text()))
    for file in (ROOT / "Dockerfile", *UNITS):
        assert set(re.findall(r"COCOONMAIL_[A-Z_]+(?==)", file.read_text())) <= known
    assert set(compose()["x-cocoonmail"]["environment"]) <= {*known, "DATABASE_URL"}


def test_the_services_of_the_compose_file_can_write_nothing_but_their_data_and_have_no_privileges() -> None:
    services = compose()["services"]
    ours = {name: service for name, service in services.items() if name != "postgres"}
    assert {name: service["command"][0] for name, service in ours.items()} == {
        "migrate": "migrate",
        "web": "web",
        "worker": "work",
    }
    for service in ours.values():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["volumes"] == ["data:/data"]


def test_the_image_runs_the_program_as_nobody_in_particular() -> None:
    said = (ROOT / "Dockerfile").read_text()
    assert said.index("USER 10001") > said.index("RUN useradd")
    assert 'ENTRYPOINT ["python", "-m", "cocoonmail"]' in said
    for copied in re.findall(r"^COPY (?!--)(.+) \S+$", said, re.MULTILINE):
        assert all((ROOT / name).exists() for name in copied.split())


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


# The proxies, before a real door.


@pytest.fixture
def door() -> Iterator[RunningDoor]:
    with open_door(trusted_proxies=1) as running:
        yield running


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    making.make(folder)
    return folder / "good.pem"


@contextmanager
def nginx(folder: Path, behind: int, certificate: Path) -> Iterator[int]:
    port, plain = free_port(), free_port()
    site = (
        (DEPLOY / "nginx.conf")
        .read_text()
        .replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
        .replace("/etc/letsencrypt/live/mail.example.com/fullchain.pem", str(certificate))
        .replace("/etc/letsencrypt/live/mail.example.com/privkey.pem", str(certificate))
        .replace("listen 80;", f"listen 127.0.0.1:{plain};")
        .replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    )
    site = re.sub(r"\n *listen \[::\]:.*;", "", site)
    paths = " ".join(f"{kind}_temp_path {folder};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""  # Who may write into the test's folder
    (folder / "nginx.conf").write_text(
        f"{user} pid {folder}/pid; error_log {folder}/log; worker_processes 1; daemon off; events {{}}\n"
        f"http {{ access_log off; {paths}\n{site}\n}}"
    )
    command = [tool("nginx"), "-e", str(folder / "log"), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    with running(command, port):
        yield port


@contextmanager
def caddy(folder: Path, behind: int, certificate: Path) -> Iterator[int]:
    port = free_port()
    site = (
        (DEPLOY / "Caddyfile")
        .read_text()
        .replace("mail.example.com {", f"https://localhost:{port} {{\n\ttls {certificate} {certificate}")
        .replace("127.0.0.1:8000 {", f"127.0.0.1:{behind} {{")
        .replace("health_uri", "#")
        .replace("health_interval", "#")
    )
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    command = [tool("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with running(command, port, XDG_DATA_HOME=str(folder), XDG_CONFIG_HOME=str(folder)):
        yield port


@contextmanager
def running(command: list[str], port: int, **environment: str) -> Iterator[None]:
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
        try:
            end = monotonic() + PATIENCE
            while not answers(port):
                assert monotonic() < end
                assert child.poll() is None
                sleep(0.01)
            yield
        except BaseException as error:
            log.seek(0)
            error.add_note(log.read().decode(errors="replace")[-3000:])
            raise
        finally:
            child.terminate()
            child.wait(PATIENCE)


def answers(port: int) -> bool:
    try:
        ask(port, "/healthz")
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def ask(port: int, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    trust = ssl._create_unverified_context()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"https://localhost:{port}{path}", body, named)
    with urllib.request.urlopen(request, timeout=PATIENCE, context=trust) as response:
        return response.status, response.read()


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_a_webhook_comes_through_a_proxy_unharmed(
    proxy: Callable[..., Any], door: RunningDoor, certificate: Path, tmp_path: Path
) -> None:
    desk = Desk.opened(door)
    with proxy(tmp_path, door.port, certificate) as port:
        for number in range(3):
            raw = numbered(number)
            assert ask(port, desk.endpoint.path, raw, Stripe_Signature=sealed(raw)) == (200, b'{"received": true}')
        assert [bytes(delivery.body) for delivery in desk.deliveries] == [numbered(number) for number in range(3)]
        # What is too large is answered in our words, not in the proxy's. Caddy may hang up on who has not sent it all.
        with pytest.raises((urllib.error.URLError, ConnectionError)) as refused:
            ask(port, desk.endpoint.path, b"x" * (BODY_MAX + 1), Stripe_Signature="t=1")
        if proxy is nginx:
            assert isinstance(refused.value, urllib.error.HTTPError)
            assert (refused.value.code, b"body_too_large" in refused.value.read()) == (413, True)
