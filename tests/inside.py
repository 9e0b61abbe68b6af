"""What tests do inside an installation: `python -m tests.inside advance`, or what else stands at the end.

No worker may run beside `advance`.
"""

from __future__ import annotations

import sys

import django

django.setup()


def advance() -> None:
    """Webhooks become messages that wait to be sent."""
    from cocoonmail import worker

    while worker.step(worker.PROCESS) + worker.step(worker.ADVANCE):
        pass


def release(reason: str) -> None:
    """Every message that is held for a reason that begins so is let go, as a person would on its page."""
    from cocoonmail.emails.again import release as let_go
    from cocoonmail.emails.models import Message, Status
    from cocoonmail.kit.clock import database_now

    held = Message.objects.filter(status=Status.HELD, reason__startswith=reason)
    for message in held.select_related("contact", "workspace"):
        assert let_go(message, database_now())


def process_again(trouble: str) -> None:
    """Every delivery that has failed with these words, as a person would on its page."""
    from cocoonmail.intake.again import process_again as again
    from cocoonmail.intake.models import Delivery, DeliveryState
    from cocoonmail.kit.clock import database_now

    for delivery in Delivery.objects.filter(state=DeliveryState.FAILED, trouble__contains=trouble):
        assert again(delivery, database_now())


def backfill(key: str) -> None:
    """Begin one at the only endpoint, as far back as can be, without a worker."""
    from cocoonmail.intake.backfill import begin
    from cocoonmail.intake.models import Endpoint

    begin(Endpoint.objects.get(), key, 30, starts_loops=True)


def queue(number: int) -> None:
    """Messages to people of their own, for the only loop. None is due before its leases are ended."""
    from bench import sending

    sending.queue(0, number)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["advance"]:
            advance()
        case ["release", reason]:
            release(reason)
        case ["process-again", trouble]:
            process_again(trouble)
        case ["backfill", key]:
            backfill(key)
        case ["queue", number]:
            queue(int(number))
        case _:
            sys.exit(__doc__)
