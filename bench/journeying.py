"""The inside of `bench journey`: waits for the last outcome on disk, compares the tables, prints figures as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import django

django.setup()

from bench.result import CheckFailed, percentile  # noqa: E402 - needs the settings
from bench.sending import LOOK_EVERY  # noqa: E402
from cocoonmail.contacts.models import Event  # noqa: E402
from cocoonmail.emails.models import Message, Status  # noqa: E402
from cocoonmail.intake.models import Delivery, DeliveryState  # noqa: E402
from cocoonmail.loops.models import Run  # noqa: E402


def main(answered: int, patience: int) -> None:
    """Every webhook that was answered became one message, which was sent."""
    wait(answered, patience)
    counts = {
        "webhooks": Delivery.objects.filter(state=DeliveryState.DONE).count(),
        "messages": Message.objects.filter(status=Status.SENT).count(),
        "people": Message.objects.values("to_email").distinct().count(),
        "all messages": Message.objects.count(),
    }
    if set(counts.values()) != {answered}:
        raise CheckFailed(f"{answered} webhooks were answered, but: {counts}.")
    file = Path(os.environ["COCOONMAIL_DATA"]) / "ids"
    file.write_text("\n".join(Message.objects.values_list("message_id", flat=True)))
    print(json.dumps({"ids": str(file), **figures()}))


def wait(answered: int, patience: int) -> None:
    """Return once so many messages have an outcome."""
    end = time.monotonic() + patience
    while Message.objects.filter(status=Status.SENT).count() < answered and time.monotonic() < end:
        time.sleep(LOOK_EVERY)


def figures() -> dict[str, float]:
    """How many a second arrived, and the milliseconds from each webhook's arrival to its message's outcome."""
    came = dict(Delivery.objects.values_list("pk", "received_at"))
    told_by = dict(Event.objects.values_list("pk", "delivery_id"))
    runs = {pk: came[told_by[event] or 0] for pk, event in Run.objects.values_list("pk", "event_id")}
    sent = [(runs[run or 0], at) for run, at in Message.objects.values_list("run_id", "sent_at") if at is not None]
    times = [(at - begun).total_seconds() * 1000 for begun, at in sent]
    seconds = (max(at for _, at in sent) - min(came.values())).total_seconds()
    return {"rate": len(sent) / seconds, **{f"p{share}": percentile(times, share / 100) for share in (50, 95, 99)}}


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
