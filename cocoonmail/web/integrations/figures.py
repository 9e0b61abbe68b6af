"""What an endpoint's pages count and warn of, within limits, however long the log is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Sum

from cocoonmail.intake.models import Delivery, DeliveryState, Endpoint
from cocoonmail.web.shared.days import by_day, named

# Troubles are looked for in the newest deliveries only, so that the page is as quick after a million as after ten.
LATEST = 500
CLOCK_AHEAD_MAX = 60  # Seconds that the sender's clock may be ahead before it is worth a word


@dataclass(frozen=True, slots=True)
class Caution:
    """Something that needs a person: the words, and one button that settles it."""

    tone: str
    words: str
    action: str = ""
    url: str = ""
    post: bool = False


def received_by_day(endpoint: Endpoint, now: datetime) -> list[tuple[str, int]]:
    """(day, deliveries) over the last 30 days, oldest first, in the reader's time zone."""
    (counts,) = by_day(Delivery, [{"endpoint": endpoint.pk}], "received_at", now)
    return named(counts, now)


def state_of(endpoint: Endpoint) -> str:
    """How an endpoint stands, as a word of web.shared.tones."""
    if not endpoint.enabled:
        return "off"
    return "connected" if endpoint.secrets.exists() else "no_secret"


def cautions_of(endpoint: Endpoint, base: str, title: str) -> list[Caution]:
    """What keeps this endpoint from doing its work, or may surprise its owner; most urgent first."""
    found = [
        _disabled(endpoint, base, title),
        _no_secret(endpoint, base, title),
        _no_events(endpoint, base),
        _live_and_test(endpoint, base, title),
        *_log_troubles(endpoint, base, title),
    ]
    return [one for one in found if one is not None]


def _disabled(endpoint: Endpoint, base: str, title: str) -> Caution | None:
    if endpoint.enabled:
        return None
    count = endpoint.refused_while_disabled
    turned = f" So far {count:,} {'requests were' if count > 1 else 'request was'} turned away." if count else ""
    words = f"This endpoint is switched off: {title} is answered 410.{turned}"
    return Caution("warn", words, "Switch on", f"{base}/enable", post=True)


def _no_secret(endpoint: Endpoint, base: str, title: str) -> Caution | None:
    if endpoint.secrets.exists():
        return None
    words = f"There is no signing secret yet, so everything that {title} sends is refused."
    return Caution("warn", words, "Add the secret", f"{base}#secret")


def _no_events(endpoint: Endpoint, base: str) -> Caution | None:
    if endpoint.choices.filter(enabled=True).exists():
        return None
    words = "No event is switched on, so everything that arrives is ignored."
    return Caution("warn", words, "Choose events", f"{base}#events")


def _live_and_test(endpoint: Endpoint, base: str, title: str) -> Caution | None:
    if endpoint.first_live_at is None or not endpoint.process_test:
        return None
    words = (
        "Live events arrive, and events of test mode are still processed: a test in "
        f"{title} makes contacts and sends emails here as a sale does."
    )
    return Caution("warn", words, "Only log test events", f"{base}/only-log-test-events", post=True)


def _log_troubles(endpoint: Endpoint, base: str, title: str) -> list[Caution | None]:
    newest = Delivery.objects.filter(endpoint=endpoint).order_by("-received_at").values("pk")[:LATEST]
    ids = [row["pk"] for row in newest]
    latest = Delivery.objects.filter(pk__in=ids)
    differing = latest.aggregate(total=Sum("differing"))["total"] or 0
    ahead = latest.order_by("-clock_ahead").values_list("clock_ahead", flat=True).first() or 0
    failed = latest.filter(state=DeliveryState.FAILED).count()
    return [_failed(failed, base), _differing(differing), _clock(ahead, title)]


def _failed(count: int, base: str) -> Caution | None:
    if not count:
        return None
    many = f"{count} of the latest deliveries"
    words = f"{many if count > 1 else 'One of the latest deliveries'} could not be processed."
    return Caution("bad", words, "Show", f"{base}/deliveries?state=failed")


def _differing(count: int) -> Caution | None:
    if not count:
        return None
    words = f"{count} repeated {'requests' if count > 1 else 'request'} had the id of an earlier one, but another body."
    return Caution("warn", f"{words} The first body counts. Two senders may share a secret.")


def _clock(ahead: int, title: str) -> Caution | None:
    if ahead <= CLOCK_AHEAD_MAX:
        return None
    return Caution("warn", f"{title}'s clock was {ahead} seconds ahead of this machine's. Check this machine's clock.")
