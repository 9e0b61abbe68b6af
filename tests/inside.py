"""What tests do inside an installation without a worker: `python -m tests.inside advance`, or `queue NUMBER`."""

from __future__ import annotations

import sys


def advance() -> None:
    """Webhooks become messages that wait to be sent."""
    import django

    django.setup()
    from cocoonmail import worker

    while worker.step(worker.PROCESS) + worker.step(worker.ADVANCE):
        pass


def queue(number: int) -> None:
    """Messages to people of their own, for the only loop. None is due before its leases are ended."""
    from bench import sending

    sending.queue(0, number)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["advance"]:
            advance()
        case ["queue", number]:
            queue(int(number))
        case _:
            sys.exit(__doc__)
