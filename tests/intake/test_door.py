"""The door under strain: what strangers cannot do to the database, and settings that change while webhooks come in."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from time import monotonic

import pytest
from django.apps import apps
from django.db import connection, transaction

from cocoonmail.intake import book, door
from cocoonmail.intake.book import SECOND_LOOK, Book, Page
from cocoonmail.intake.models import Delivery, DeliveryState, Refusal, SigningSecret
from cocoonmail.intake.receive import Arrived, Stored, receive
from cocoonmail.intake.refusals import KEPT, PREVIEW_MAX, Refused, Tally, store
from cocoonmail.intake.triage import Triage
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.secrets import new_token
from cocoonmail.platforms.base import Announcement
from cocoonmail.platforms.stripe.announce import announce
from tests.intake.desk import EVENT, SECRET, Desk, RunningDoor, error_of, open_door, sealed
from tests.kit.rawhttp import Response, post

pytestmark = pytest.mark.django_db(transaction=True)

JUNK = b'{"id": "evt_1", "junk": "' + b"x" * 10_000 + b'"}'
WAVES, CROWD = 5, 20


class Clock:
    """A clock that goes when it is told to."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Sender:
    """Somebody who posts all the time, signing with the secret that is told."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.secret = desk, SECRET
        self.answers: list[Response] = []
        self._lock, self._enough = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._post)

    def __enter__(self) -> Sender:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._enough.set()
        self._thread.join()

    def use(self, secret: str) -> None:
        """From now on sign with this one; nothing that the other signed is on its way."""
        with self._lock:
            self.secret = secret

    def _post(self) -> None:
        # The pause is for whoever waits for the lock: without it, this thread would have it back before they wake up.
        while not self._enough.wait(0.001):
            with self._lock:
                raw = numbered(len(self.answers) + 100_000)
                self.answers += self.desk.at.ask(signed(self.desk, self.secret, raw))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def running() -> Iterator[RunningDoor]:
    """A door as it is in service."""
    with open_door() as running:
        yield running
        running.settle()


@pytest.fixture
def desk(running: RunningDoor) -> Desk:
    return Desk.opened(running)


@pytest.fixture
def timed(clock: Clock) -> Iterator[Desk]:
    """A desk whose door goes by the clock, and looks at once when a request fails."""
    with open_door(Book(clock, pause=0)) as running:
        yield Desk.opened(running)
        running.settle()


def numbered(number: int) -> bytes:
    return EVENT.replace(b'"evt_', b'"evt_%d_' % number, 1)


def signed(desk: Desk, secret: str, raw: bytes = EVENT) -> bytes:
    return post(raw, desk.endpoint.path, f"Stripe-Signature: {sealed(raw, secret)}")


def unsigned(desk: Desk, count: int) -> list[Response]:
    """Posts without a signature, fifty on each connection."""
    many = post(JUNK, desk.endpoint.path, close=False) * 49 + post(JUNK, desk.endpoint.path)
    answers = []
    for _ in range(count // 50):
        answers += desk.at.ask(many)
    return answers


def statuses(answers: list[Response]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


def rows() -> dict[str, int]:
    """How many rows every table has."""
    return {model._meta.label: model._default_manager.count() for model in apps.get_models()}


def database_bytes() -> int:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])


# Strangers.


def test_two_thousand_unsigned_posts_leave_twenty_short_traces_and_nothing_else(desk: Desk) -> None:
    before, size = rows(), database_bytes()
    assert statuses(unsigned(desk, 2000)) == {400: 2000}
    assert set(desk.noted) == {"no_signature"}
    after = rows()
    assert after.pop("intake.Refusal") == KEPT == 20
    before.pop("intake.Refusal")
    assert before == after
    assert database_bytes() - size < 1_000_000
    assert {len(preview) for preview in Refusal.objects.values_list("preview", flat=True)} == {PREVIEW_MAX}
    desk.endpoint.refresh_from_db()
    assert desk.endpoint.refused_total == 2000


def test_each_endpoint_keeps_its_own_last_twenty_refusals(desk: Desk) -> None:
    quiet = Desk.opened(desk.at)
    quiet.at.ask(signed(quiet, "whsec_of_nobody"))
    unsigned(desk, 100)
    assert (desk.noted, quiet.noted) == (["no_signature"] * KEPT, ["wrong_signature"])


def test_however_many_are_refused_in_a_second_twenty_are_written(
    desk: Desk, django_assert_max_num_queries: Callable[[int], AbstractContextManager[object]]
) -> None:
    tally = Tally(desk.endpoint.workspace_id)
    for number in range(1000):
        tally.last.append(Refused("no_signature", f"Number {number}.", "", database_now()))
        tally.total += 1
    with django_assert_max_num_queries(10 * KEPT):
        store({desk.endpoint.pk: tally})
    assert set(Refusal.objects.values_list("message", flat=True)) == {f"Number {n}." for n in range(980, 1000)}


def test_posts_to_unknown_addresses_store_nothing_at_all(desk: Desk) -> None:
    before = rows()
    raws = [post(JUNK, f"/hooks/stripe/{new_token()}", f"Stripe-Signature: {sealed(JUNK)}") for _ in range(300)]
    assert statuses(desk.ask_all(raws)) == {404: 300}
    desk.at.settle()
    assert rows() == before


def test_a_crowd_of_wrong_signatures_costs_a_few_looks_at_the_settings(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    read_page = book.read_page

    def look(token: str, now: float) -> Page | None:
        looks.append(token)
        return read_page(token, now)

    monkeypatch.setattr(book, "read_page", look)
    began = monotonic()
    for _ in range(WAVES):
        assert statuses(desk.ask_all([signed(desk, "whsec_of_nobody", JUNK)] * CROWD)) == {400: CROWD}
    assert len(looks) <= 2 + (monotonic() - began) / SECOND_LOOK


def test_a_refusal_has_an_id_that_the_log_names_too(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "cocoonmail.intake.door"):
        said = [error_of(answer) for answer in unsigned(desk, 50)]
    assert len({one["request_id"] for one in said}) == 50
    for one in said:
        assert f"Request {one['request_id']} was answered 400 no_signature" in caplog.text
    assert "junk" not in caplog.text


# Settings that change.


def test_a_secret_that_was_added_is_good_at_once(desk: Desk) -> None:
    assert desk.post().status == 200
    for number in range(5):
        secret = f"whsec_number_{number}"
        SigningSecret.of(desk.endpoint, secret).save()
        [answer] = desk.at.ask(signed(desk, secret, numbered(number)))
        assert answer.status == 200


def test_rotation_under_posts_refuses_none_that_is_right(desk: Desk) -> None:
    """Add the new secret, let both be used, remove the old one; somebody posts all the while (promise R13)."""
    sender = Sender(desk)
    with sender:
        for number in range(5):
            new, old = f"whsec_of_round_{number}", desk.endpoint.secrets.get()
            SigningSecret.of(desk.endpoint, new).save()
            both = [signed(desk, by, numbered(1000 * n + number)) for n, by in enumerate((sender.secret, new) * 10, 1)]
            assert statuses(desk.ask_all(both)) == {200: 20}
            sender.use(new)
            old.delete()
            assert statuses(desk.at.ask(signed(desk, new, numbered(50_000 + number)))) == {200: 1}
    assert statuses(sender.answers).keys() == {200}
    assert desk.noted == []


def test_a_secret_that_was_removed_is_refused_after_a_second(timed: Desk, clock: Clock) -> None:
    SigningSecret.of(timed.endpoint, "whsec_new").save()
    assert timed.post().status == 200
    timed.endpoint.secrets.get(hint=SECRET[-4:]).delete()
    clock.now += 1
    assert timed.at.ask(signed(timed, SECRET))[0].status == 400
    assert timed.at.ask(signed(timed, "whsec_new"))[0].status == 200


def test_an_endpoint_that_was_switched_off_is_noticed_within_a_second(timed: Desk, clock: Clock) -> None:
    assert timed.post().status == 200
    timed.set(enabled=False)
    clock.now += 0.9
    assert timed.post(numbered(1)).status == 200
    clock.now += 0.1
    assert timed.post(numbered(2)).status == 410
    timed.set(enabled=True)
    clock.now += 1
    assert timed.post(numbered(2)).status == 200


def test_a_deleted_endpoint_takes_nothing_in_from_the_very_moment(timed: Desk, clock: Clock) -> None:
    assert timed.post().status == 200
    path = timed.endpoint.path
    timed.endpoint.delete()
    for _ in range(2):
        [answer] = timed.at.ask(post(numbered(1), path, f"Stripe-Signature: {sealed(numbered(1))}"))
        assert (answer.status, error_of(answer)["code"]) == (404, "unknown_endpoint")
        clock.now += 1
    assert not Delivery.objects.exists()


def test_webhooks_of_a_deleted_endpoint_do_not_take_their_neighbours_with_them(desk: Desk) -> None:
    gone = Desk.opened(desk.at)
    pk = gone.endpoint.pk
    gone.endpoint.delete()
    found = receive([arrived(pk, desk, 1), arrived(desk.endpoint.pk, desk, 2), arrived(pk, desk, 3)])
    assert [stored.gone for stored in found] == [True, False, True]
    assert [delivery.external_id for delivery in Delivery.objects.all()] == [said(2).id]
    assert [stored.gone for stored in receive([arrived(pk, desk, 1)])] == [True]


def test_in_one_batch_the_new_the_stored_and_the_repeated_are_told_apart(desk: Desk) -> None:
    pk = desk.endpoint.pk
    assert receive([arrived(pk, desk, 1)]) == [Stored(duplicate=False)]
    other = arrived(pk, desk, 1)._replace(body=numbered(1) + b" ")
    found = receive([arrived(pk, desk, 1), other, *(arrived(pk, desk, number) for number in (2, 3, 2))])
    assert [stored.duplicate for stored in found] == [True, True, False, False, True]
    told = {row.external_id: (row.duplicates, row.differing, bytes(row.body)) for row in Delivery.objects.all()}
    assert told == {said(1).id: (2, 1, numbered(1)), said(2).id: (1, 0, numbered(2)), said(3).id: (0, 0, numbered(3))}


def test_what_is_taken_by_a_new_secret_is_sorted_by_the_new_settings(timed: Desk, clock: Clock) -> None:
    assert timed.post().status == 200
    SigningSecret.of(timed.endpoint, "whsec_new").save()
    timed.set(process_test=False)
    clock.now += 0.5
    assert timed.at.ask(signed(timed, "whsec_new", numbered(1)))[0].status == 200
    assert timed.deliveries[-1].state == DeliveryState.LOGGED


def test_a_secret_that_cannot_be_opened_closes_the_door_for_nobody_else(desk: Desk) -> None:
    broken = Desk.opened(desk.at, desk.endpoint.workspace)
    broken.endpoint.secrets.update(sealed="from another installation")
    assert error_of(broken.post())["code"] == "no_secret"
    assert desk.post().status == 200
    assert error_of(desk.at.ask(signed(desk, "whsec_of_nobody"))[0])["code"] == "wrong_signature"


# A database in trouble.


def test_while_the_database_takes_nothing_the_sender_is_asked_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never a 2xx without the disk (promise R8)."""
    monkeypatch.setattr(door, "STORE_SECONDS", 0.3)
    with open_door() as running:
        desk = Desk.opened(running)
        assert desk.post().status == 200
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(f"LOCK TABLE {Delivery._meta.db_table} IN EXCLUSIVE MODE")
            answer = desk.post(numbered(1))
            assert (answer.status, error_of(answer)["code"]) == (503, "try_again")
            assert int(answer.headers["retry-after"]) > 0
        assert desk.post(numbered(1)).status == 200
        assert len(desk.deliveries) == 2


@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.parametrize("pause", [0.0, 1.0], ids=["while it stores", "while it looks settings up"])
def test_after_its_connections_were_cut_the_door_heals_alone(timed: Desk, clock: Clock, pause: float) -> None:
    assert timed.post().status == 200
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
            "pid <> pg_backend_pid() AND usename = current_user"
        )
    clock.now += pause
    found = [timed.post(numbered(1)).status for _ in range(20)]
    assert set(found) <= {200, 503}
    assert found[-1] == 200
    assert found.count(503) <= 8


def arrived(endpoint_id: int, desk: Desk, number: int) -> Arrived:
    return Arrived(
        desk.endpoint.workspace_id,
        endpoint_id,
        said(number),
        numbered(number),
        {},
        0,
        Triage(DeliveryState.WAITING),
    )


def said(number: int) -> Announcement:
    found = announce(numbered(number))
    assert isinstance(found, Announcement)
    return found
