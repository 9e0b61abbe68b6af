"""A journey as its operator sees it: real processes, what they count and what they log."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import Installation, installation
from tests.mailbox import mailbox
from tests.shop import FILE, SECRET, event
from tests.visitor import Visitor
from tests.watch.watched import figures

pytestmark = pytest.mark.processes

PASSWORD = "the-password-of-the-mail-server"
CANARY = "a-word-out-of-a-body"
TOKEN = "the-token-of-the-scraper"


def asked(house: Installation, path: str, token: str = "") -> tuple[int, str]:
    """What the web process answers."""
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A shop that is up, logs everything for programs, and has sent one email."""
    with mailbox(PASSWORD) as mail:
        told = {"COCOONMAIL_LOG_FORMAT": "json", "COCOONMAIL_LOG_LEVEL": "DEBUG", "COCOONMAIL_METRICS_TOKEN": TOKEN}
        with installation(tmp_path_factory.mktemp("seen"), FILE % mail.url, environment=told) as shop:
            shop.up()
            shop.post(event("customer.created", description=CANARY, metadata={"note": CANARY}))
            assert shop.post({"id": CANARY}).status == 400
            assert shop.post(event("customer.created", description=CANARY), "whsec_of_nobody").status == 400
            shop.settled()
            assert len(mail.letters) == 1
            Visitor(shop.url).fill_in("/account/login/", {"login": "ada@acme.test", "password": CANARY})
            yield shop


def logged(house: Installation) -> list[dict[str, Any]]:
    """The lines that are for programs: all but the few that greet a person."""
    text = (house.folder / "up.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_the_web_process_tells_what_came_in_and_that_nothing_waits(house: Installation) -> None:
    found: dict[str, float] = {}

    def database_answered() -> bool:
        status, text = asked(house, "/metrics", TOKEN)
        assert status == 200
        found.update(figures(text))
        return found["cocoonmail_database_up"] == 1

    house.until(database_answered, "was answered by its database in time")
    assert found["cocoonmail_deliveries_total new"] == 1
    assert found["cocoonmail_deliveries_refused_total wrong_signature"] == 1
    assert found["cocoonmail_backlog_rows process"] == found["cocoonmail_backlog_rows send"] == 0
    assert found["cocoonmail_workers_alive"] == 1


def test_the_worker_under_its_supervisor_tells_what_it_did_through_the_web_process(house: Installation) -> None:
    status, text = asked(house, "/metrics/worker", TOKEN)
    found = figures(text)
    assert status == 200
    assert found["cocoonmail_deliveries_processed_total done"] == found["cocoonmail_runs_total began"] == 1
    assert found["cocoonmail_sending_outcomes_total accepted"] == 1
    assert found["cocoonmail_ledger_commit_seconds_count"] >= 2
    assert max(found[f"cocoonmail_hand_age_seconds {hand}"] for hand in ("process", "advance", "send")) < 60


def test_neither_tells_it_without_the_token(house: Installation) -> None:
    for path in ("/metrics", "/metrics/worker"):
        assert asked(house, path)[0] == asked(house, path, TOKEN + "x")[0] == 403


def test_both_processes_are_ready(house: Installation) -> None:
    ready = (200, '{"ready": true, "reasons": []}')
    house.until(lambda: asked(house, "/readyz") == ready, "was ready")


def test_every_line_of_the_log_is_one_json_object_with_its_time_and_process(house: Installation) -> None:
    lines = logged(house)
    plain = [line for line in (house.folder / "up.log").read_text().splitlines() if line.strip() and line[0] != "{"]
    assert all("Cocoonmail is at" in line or "owner account" in line or "/welcome/" in line for line in plain), plain
    assert {line["process"] for line in lines} >= {"web", "worker"}
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:]{8}\.\d{3}\+00:00", line["time"]) for line in lines)
    [refused] = [line for line in lines if "wrong_signature" in line["message"]]
    assert refused["request_id"] in refused["message"]


def test_no_secret_and_nothing_out_of_a_body_is_logged(house: Installation) -> None:
    text = "".join(log.read_text() for log in house.folder.glob("*.log"))
    key = (house.data / "secret.key").read_text().strip()
    secrets = {"signing secret": SECRET, "password": PASSWORD, "key": key, "token": TOKEN, "body": CANARY}
    hook = house.hook.rpartition("/")[2]
    assert [name for name, secret in {**secrets, "hook": hook}.items() if secret in text] == []


def test_a_worker_that_is_gone_is_told_of_and_its_successor_is_found(house: Installation, tmp_path: Path) -> None:
    before = house.child("work")
    os.kill(before, signal.SIGKILL)
    house.until(lambda: house.children().get("work", before) != before, "started the worker again")
    house.until(lambda: asked(house, "/metrics/worker", TOKEN)[0] == 200, "told the new worker's figures")
    assert "worker was ended by SIGKILL" in " ".join(
        line["message"] for line in logged(house) if line["process"] == "up"
    )
