"""Fetch what a platform tried to tell us while we were away for longer than it tries: from its list of past events.

A page is one claim of the Backfill's row: its events are stored, and where the next page begins, in one transaction. So
whatever ends a worker, the next one goes on, and an event that is here already, by the door or a backfill, stays once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from cocoonmail.intake.asking import ask
from cocoonmail.intake.book import wishes_of
from cocoonmail.intake.models import Backfill, BackfillState, Delivery, DeliveryState, Endpoint
from cocoonmail.intake.triage import Triage, Wishes, triage
from cocoonmail.kit.changes import Channel, tell
from cocoonmail.kit.claims import settle
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.secrets import Unsealable, seal, unseal
from cocoonmail.platforms import PLATFORMS
from cocoonmail.platforms.base import Announcement, History, HistoryPage, NotNow, Platform, Rejected

PURPOSE = "backfill:sealed"
ASKED_MAX = 12  # Times in a row that the platform is asked in vain, over some three quarters of an hour
PAUSE_FIRST, PAUSE_MAX = timedelta(seconds=2), timedelta(minutes=10)  # Doubled with every time in vain

FIELDS = [
    "state", "sealed", "after", "reached", "fetched", "added", "passed_over", "in_vain", "trouble", "due_at",
    "attempts", "finished_at",
]  # fmt: skip


class CannotBackfill(ValueError):
    """Nothing was begun; the message says what to do."""


def begin(endpoint: Endpoint, key: str, days: int, *, starts_loops: bool) -> Backfill:
    """Let the workers fetch the events of so many days; an event that is here already stays as it is.

    Raises CannotBackfill.
    """
    history = history_of(endpoint)
    if complaint := history.complaint(key):
        raise CannotBackfill(complaint)
    if not 1 <= days <= history.days:
        raise CannotBackfill(f"Say how many days to go back, from 1 to {history.days}: that is how long they are kept.")
    now = database_now()
    try:
        with transaction.atomic():
            return Backfill.objects.create(
                workspace_id=endpoint.workspace_id,
                endpoint=endpoint,
                since=now - timedelta(days=days),
                starts_loops=starts_loops,
                sealed=seal(key, PURPOSE),
                hint=key[-4:],
                started_at=now,
                due_at=now,
            )
    except IntegrityError:
        raise CannotBackfill("A backfill of this endpoint is under way. Wait for its end, or stop it.") from None


def stop(backfill: Backfill, now: datetime) -> bool:
    """End it; what was fetched stays. A worker that has it in hand loses its hold. False where it had ended."""
    working = Backfill.objects.filter(pk=backfill.pk, state=BackfillState.WORKING)
    ended = {"state": BackfillState.STOPPED, "sealed": "", "due_at": None, "finished_at": now}
    return bool(working.update(epoch=F("epoch") + 1, **ended))


def history_of(endpoint: Endpoint) -> History:
    """How the endpoint's platform gives out past events. Raises CannotBackfill where it gives out none."""
    platform = PLATFORMS[endpoint.platform]
    if platform.history is None:
        raise CannotBackfill(f"{platform.title} gives out no events of the past.")
    return platform.history


def due_backfills() -> QuerySet[Backfill]:
    """What `fetch` may claim."""
    return Backfill.objects.filter(state=BackfillState.WORKING)


def fetch(backfills: Sequence[Backfill], now: datetime) -> None:
    """Fetch a page of each: the network first, then one transaction."""
    for backfill in backfills:
        endpoint = Endpoint.objects.get(pk=backfill.endpoint_id)
        platform, wishes = PLATFORMS[endpoint.platform], wishes_of(endpoint)
        page = _page(backfill, platform, wishes)
        backfill.attempts = 0  # Whatever it says, this worker did not vanish over it.
        match page:
            case HistoryPage():
                _store(backfill, platform, wishes, page, now)
            case NotNow():
                _wait(backfill, page, now)
            case Rejected():
                fail(backfill, page.message, now)
                settle([backfill], FIELDS)


def fail(backfill: Backfill, trouble: str, now: datetime) -> None:
    """It has come to its end without being through; the caller saves FIELDS."""
    backfill.trouble = trouble[:1000]
    _end(backfill, BackfillState.FAILED, now)


def quiet_ones(deliveries: Sequence[Delivery]) -> set[int]:
    """The ids of those backfills that these deliveries came in by and that are to start no loop."""
    ids = {delivery.backfill_id for delivery in deliveries if delivery.backfill_id is not None}
    return set(Backfill.objects.filter(pk__in=ids, starts_loops=False).values_list("pk", flat=True)) if ids else set()


def _page(backfill: Backfill, platform: Platform, wishes: Wishes) -> HistoryPage | NotNow | Rejected:
    assert platform.history is not None
    try:
        key = unseal(backfill.sealed, PURPOSE)
    except Unsealable as error:
        return Rejected("unsealable", str(error))
    types = sorted(set(wishes.types) & platform.events.keys())
    question = platform.history.ask(key, int(backfill.since.timestamp()), backfill.after, types)
    answer = ask(settings.PLATFORM_APIS[platform.name], question)
    return answer if isinstance(answer, NotNow) else platform.history.understand(*answer)


def _store(backfill: Backfill, platform: Platform, wishes: Wishes, page: HistoryPage, now: datetime) -> None:
    """The events that the endpoint wants and that are not here yet, and how far it has got."""
    said = [(platform.announce(body), body) for body in page.bodies]
    known = [(one, body) for one, body in said if isinstance(one, Announcement)]
    sorted_out = [(one, body, triage(platform, wishes, one)) for one, body in known]
    wanted = [_delivery(backfill, *one, now) for one in sorted_out if one[2].state is not DeliveryState.IGNORED]
    backfill.fetched += len(said)
    backfill.passed_over += len(said) - len(wanted)
    backfill.after, backfill.trouble, backfill.in_vain, backfill.due_at = page.after, "", 0, now
    if known:
        backfill.reached = datetime.fromtimestamp(min(one.created for one, _ in known), UTC)
    if not page.after:
        _end(backfill, BackfillState.FINISHED, now)
    with transaction.atomic():
        new = _not_here(backfill, wanted)
        # What came in by the door meanwhile is left as it is.
        Delivery.objects.bulk_create(new, ignore_conflicts=True)
        backfill.added += len(new)
        if any(delivery.livemode for delivery in new):
            Endpoint.objects.filter(pk=backfill.endpoint_id, first_live_at=None).update(first_live_at=now)
        settle([backfill], FIELDS)
        if new:
            tell(Channel.STAGES)


def _delivery(backfill: Backfill, said: Announcement, body: bytes, first: Triage, now: datetime) -> Delivery:
    """The event as if it had come in by the door."""
    return Delivery(
        workspace_id=backfill.workspace_id,
        endpoint_id=backfill.endpoint_id,
        account=said.account,
        livemode=said.livemode,
        external_id=said.id,
        type=said.type,
        api_version=said.api_version,
        occurred_at=datetime.fromtimestamp(said.created, UTC),
        body=body,
        headers={},
        received_at=now,
        state=first.state,
        result=first.why,
        backfill_id=backfill.pk,
        due_at=now if first.state is DeliveryState.WAITING else None,
    )


def _not_here(backfill: Backfill, wanted: Collection[Delivery]) -> list[Delivery]:
    """Those that are not stored yet, oldest first."""
    ids = {delivery.external_id for delivery in wanted}
    stored = Delivery.objects.filter(
        workspace_id=backfill.workspace_id, endpoint_id=backfill.endpoint_id, external_id__in=ids
    )
    here = set(stored.values_list("account", "livemode", "external_id"))
    new = {(one.account, one.livemode, one.external_id): one for one in wanted}
    return sorted((one for key, one in new.items() if key not in here), key=lambda one: one.occurred_at)


def _wait(backfill: Backfill, not_now: NotNow, now: datetime) -> None:
    """Ask again later, ever more rarely, and give up in the end."""
    backfill.trouble = not_now.reason[:1000]
    backfill.in_vain += 1
    if backfill.in_vain >= ASKED_MAX:
        fail(backfill, f"{not_now.reason}; asked {ASKED_MAX} times. Start it again later: what is here stays.", now)
    else:
        pause = min(PAUSE_FIRST * 2 ** (backfill.in_vain - 1), PAUSE_MAX)
        backfill.due_at = now + max(pause, timedelta(seconds=not_now.seconds or 0))
    settle([backfill], FIELDS)


def _end(backfill: Backfill, state: BackfillState, now: datetime) -> None:
    backfill.state, backfill.due_at, backfill.finished_at, backfill.sealed = state, None, now, ""
