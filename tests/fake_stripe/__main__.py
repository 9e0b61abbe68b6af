"""Run a fake of Stripe by hand, as docs/testing-without-stripe.md says: its API here, its webhooks to your endpoint."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Sequence

from tests.fake_stripe.background import Background
from tests.fake_stripe.server import FakeStripe
from tests.fake_stripe.webhooks import MAX_AT_ONCE, Attempt

MAX_ANSWER_SHOWN = 200  # characters
FIRST_RETRY = 2.0  # seconds; doubled each time, so that a person at a keyboard sees it happen


def main() -> None:
    """Serve until Ctrl-C or SIGTERM."""
    options = parser().parse_args()
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    retries = [options.retry_after * 2**number for number in range(options.retries)]
    with FakeStripe(port=options.port, livemode=options.live, retries=retries) as stripe:
        endpoint = stripe.add_endpoint(options.forward_to, options.secret or (), options.events)
        greet(stripe.base_url, endpoint.url, endpoint.secrets, live=options.live)
        hold = 2.0 if options.shuffle is not None else 0.0
        with Background(stripe.sender, options.duplicate, options.shuffle, options.at_once, hold, tell):
            stop.wait()


def parser() -> argparse.ArgumentParser:
    """The options, as `--help` prints them."""
    made = argparse.ArgumentParser(prog="python -m tests.fake_stripe", description=__doc__)
    made.add_argument("--port", type=int, default=12111, help="where the fake API listens on 127.0.0.1 (12111)")
    made.add_argument("--forward-to", required=True, metavar="URL", help="the webhook endpoint's address")
    made.add_argument("--secret", action="append", metavar="whsec_…", help="signing secret; twice while rolling one")
    made.add_argument("--events", type=names, default=("*",), metavar="A,B", help="only these event types (all)")
    made.add_argument("--duplicate", type=copies, default=1, metavar="N", help="send each webhook N times at once (1)")
    made.add_argument("--shuffle", type=int, metavar="SEED", help="gather events for 2 s, send them in a random order")
    made.add_argument("--at-once", type=int, default=1, metavar="N", help="events in flight together (1)")
    made.add_argument("--retries", type=int, default=3, metavar="N", help="attempts after a failed one (3)")
    made.add_argument(
        "--retry-after", type=float, default=FIRST_RETRY, metavar="S", help="first back-off in seconds (2)"
    )
    made.add_argument("--live", action="store_true", help="live mode: events say so, and the API wants an sk_live_ key")
    return made


def names(text: str) -> tuple[str, ...]:
    """`customer.created,invoice.paid` as its parts."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def copies(text: str) -> int:
    """A number of copies that threads can be had for."""
    number = int(text)
    if not 1 <= number <= MAX_AT_ONCE:
        raise argparse.ArgumentTypeError(f"must be between 1 and {MAX_AT_ONCE}")
    return number


def greet(base_url: str, url: str, secrets: Sequence[str], *, live: bool) -> None:
    """What to type next."""
    print(f"A fake of Stripe listens on {base_url} and sends webhooks to {url}")
    print(f"Signing secret: {', '.join(secrets)}")
    key = "sk_live_1234567890abcdef1234567890" if live else "sk_test_1234567890abcdef1234567890"
    print(f"Try:  stripe trigger invoice.paid --api-key {key} --api-base {base_url} \\")
    print("        --override customer:email=ada@example.com")
    print("Ctrl-C stops it.", flush=True)


def tell(attempts: Sequence[Attempt]) -> None:
    """One line for each attempt: what Stripe's Dashboard shows of it."""
    for one in attempts:
        outcome = str(one.status) if one.status is not None else f"failed ({one.error})"
        words = " ".join(one.answer.split())[:MAX_ANSWER_SHOWN]
        print(f"{one.event_type:40} {one.event_id}  attempt {one.number}.{one.copy}  {outcome}  {words}", flush=True)


if __name__ == "__main__":
    main()
