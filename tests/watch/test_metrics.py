"""/metrics: what is counted is what happened, it costs little, and only those read it who may."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cocoonmail import counts
from cocoonmail.kit.metrics import VALUES_MAX, Counter
from cocoonmail.watch.access import refusal
from tests.intake.desk import EVENT, Desk
from tests.kit.rawhttp import post
from tests.shop import Shop, event
from tests.watch.watched import Watched, watched

TOKEN = "a-token-that-nobody-guesses"
HERE = {"host": "127.0.0.1:8000"}


@pytest.fixture
def web() -> Iterator[Watched]:
    with watched() as place:
        yield place


def since(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """What was added meanwhile."""
    return {name: value - before.get(name, 0.0) for name, value in after.items() if value != before.get(name, 0.0)}


@pytest.mark.django_db(transaction=True)
def test_each_webhook_is_counted_by_what_became_of_it_at_the_door(web: Watched) -> None:
    desk = Desk.opened(web.at)
    before = web.figures()
    unwanted = EVENT.replace(b"customer.created", b"charge.refunded").replace(b'"evt_', b'"evt_x')
    for raw, status in ((EVENT, 200), (EVENT, 200), (unwanted, 200), (b"{}", 400)):
        assert desk.post(raw).status == status
    [forged] = web.at.ask(post(EVENT, desk.endpoint.path))
    assert forged.status == 400
    added = since(before, web.figures())
    counted = {name: value for name, value in added.items() if name.startswith("cocoonmail_deliveries")}
    codes = {name.rpartition(" ")[2] for name in counted if "refused" in name}
    assert {name: value for name, value in counted.items() if "refused" not in name} == {
        "cocoonmail_deliveries_total new": 1,
        "cocoonmail_deliveries_total duplicate": 1,
        "cocoonmail_deliveries_total ignored": 1,
    }
    assert sum(value for name, value in counted.items() if "refused" in name) == 2
    assert all(code.isidentifier() for code in codes), codes
    assert added["cocoonmail_intake_commit_seconds_count"] == added["cocoonmail_intake_batch_webhooks_count"] == 3
    assert added["cocoonmail_intake_batch_webhooks_sum"] == 3


@pytest.mark.django_db(transaction=True)
def test_nothing_that_a_stranger_sends_becomes_a_label(web: Watched) -> None:
    Desk.opened(web.at)
    known = set(web.figures())
    for number in range(VALUES_MAX * 2):
        web.at.ask(post(EVENT, f"/hooks/stripe/of-a-stranger-{number}"))
    assert {name.rpartition(" ")[2] for name in set(web.figures()) - known} <= {"unknown_endpoint"}


@pytest.mark.django_db(transaction=True)
def test_the_way_of_a_webhook_through_the_worker_is_counted() -> None:
    before = {name: dict(counter.values) for name, counter in counters().items()}
    shop = Shop.opened()
    shop.hear(event("customer.created"), event("customer.created", email=None), event("customer.updated"))
    shop.work()
    shop.send()
    added = {
        f"{name} {value}".strip(): number - before[name].get(value, 0)
        for name, counter in counters().items()
        for value, number in counter.values.items()
        if number != before[name].get(value, 0)
    }
    assert added == {
        "cocoonmail_deliveries_processed done": 2,
        "cocoonmail_deliveries_processed no_address": 1,
        "cocoonmail_runs began": 1,
        "cocoonmail_messages_created": 1,
        "cocoonmail_sending_marks go": 1,
        "cocoonmail_sending_outcomes captured": 1,
    }


def counters() -> dict[str, Counter]:
    return {one.name: one for one in counts.WORKER if isinstance(one, Counter)}


# Who may read them


@pytest.mark.parametrize(
    ("headers", "peer", "local", "may"),
    [
        (HERE, "127.0.0.1", True, True),
        ({"host": "localhost"}, "::1", True, True),
        (HERE, "10.0.0.7", True, False),
        (HERE, "127.0.0.1", False, False),  # A public address leads here, so a proxy may stand on this machine
        (HERE | {"x-forwarded-for": "127.0.0.1"}, "127.0.0.1", True, False),
        (HERE | {"via": "1.1 somebody"}, "127.0.0.1", True, False),
        ({"host": "rebound.example"}, "127.0.0.1", True, False),
        ({}, "127.0.0.1", True, False),
        (HERE, "", True, False),
    ],
)
@pytest.mark.one_database
def test_without_a_token_only_programs_on_this_machine_read_them(
    headers: dict[str, str], peer: str, local: bool, may: bool
) -> None:
    assert (refusal(headers, peer, "", local=local) == "") is may


@pytest.mark.parametrize(
    ("sent", "may"),
    [(f"Bearer {TOKEN}", True), (f"Bearer {TOKEN}x", False), (TOKEN, False), ("", False), ("Bearer é", False)],
)
@pytest.mark.one_database
def test_with_a_token_whoever_has_it_reads_them_and_nobody_else(sent: str, may: bool) -> None:
    for headers, peer in ((HERE, "127.0.0.1"), ({"x-forwarded-for": "1.2.3.4"}, "203.0.113.9")):
        for local in (True, False):
            assert (refusal(headers | {"authorization": sent}, peer, TOKEN, local=local) == "") is may


@pytest.mark.django_db(transaction=True)
def test_whoever_may_not_read_them_is_told_why_and_no_figure(web: Watched) -> None:
    for path in ("/metrics", "/metrics/worker"):
        answer = web.get(path, "X-Forwarded-For: 198.51.100.1")
        assert answer.status == 403
        assert b"COCOONMAIL_METRICS_TOKEN" in answer.body
        assert b"cocoonmail_" not in answer.body


@pytest.mark.django_db(transaction=True)
def test_the_addresses_that_a_proxy_tells_of_are_looked_at() -> None:
    with watched(trusted_proxies=1) as web:
        assert web.get("/metrics", "X-Forwarded-For: 127.0.0.1").status == 403
