"""Promise R7: whatever is wrong with processing and sending, the door takes webhooks in; see bin/bench backlog too."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.doomed import Doomed
from tests.house import Installation, installation
from tests.shop import FILE, event

pytestmark = pytest.mark.processes

WEBHOOKS = 100  # Of each kind of trouble
PROCESSED = "SELECT count(*) FROM intake_delivery WHERE state = 'done'"


def post(house: Installation, name: str) -> set[int | None]:
    """How so many webhooks were answered."""
    return {house.post(event("invoice.paid", f"{name}{number}@example.com")).status for number in range(WEBHOOKS)}


def test_webhooks_are_taken_in_while_nobody_processes_and_a_mail_server_says_nothing_and_a_worker_dies(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # It is connected with, and never greets.
        port = silent.getsockname()[1]
        with installation(tmp_path, FILE % f"smtp://127.0.0.1:{port}") as house:
            house.web()
            assert post(house, "nobody") == {200}
            assert house.rows(PROCESSED) == [(0,)]

            healthy = Doomed(house)
            worker = healthy.start()
            house.until(lambda: house.rows(PROCESSED)[0][0] == WEBHOOKS, "processed what waited")
            assert post(house, "silent") == {200}
            house.until(lambda: house.rows(PROCESSED)[0][0] == WEBHOOKS * 2, "processed beside a silent mail server")
            healthy.kill(worker)

            assert house.post(event("invoice.paid", "poison@example.com")).status == 200
            deadly = Doomed(house, {"POISON": "apply"})
            worker = deadly.start()
            assert post(house, "dying") == {200}
            assert deadly.ended(worker) == "-6"
            assert post(house, "dead") == {200}
            assert house.rows("SELECT count(*) FROM intake_delivery") == [(WEBHOOKS * 4 + 1,)]
