"""Promises of stopped addresses: one row an address, the same in every order, and seen by whoever asks last."""

from __future__ import annotations

import threading
from datetime import timedelta
from itertools import permutations

import pytest
from django.db import connection, transaction

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Suppression
from cocoonmail.contacts.suppression import suppress, suppressed, unsuppress
from cocoonmail.kit.clock import database_now

MANUAL, BOUNCE, COMPLAINT = Suppression.Reason
ADA = "ada@example.com"
PATIENCE = 60.0  # Seconds until a test gives up


@pytest.mark.django_db
def test_stopping_twice_is_the_same_as_once() -> None:
    acme, now = Workspace.objects.create(name="Acme"), database_now()
    for _ in range(2):
        suppress(acme.pk, ADA, MANUAL, now, "by alice@acme.test")
    assert Suppression.objects.get().note == "by alice@acme.test"
    assert unsuppress(acme.pk, ADA)
    assert not unsuppress(acme.pk, ADA)
    assert not Suppression.objects.exists()


@pytest.mark.django_db
def test_whatever_the_order_the_heaviest_reason_and_the_earliest_moment_are_kept() -> None:
    acme, now = Workspace.objects.create(name="Acme"), database_now()
    told = [(MANUAL, 3), (BOUNCE, 1), (COMPLAINT, 2)]
    for order in permutations(told):
        for reason, minutes in order:
            suppress(acme.pk, ADA, reason, now + timedelta(minutes=minutes), reason.label)
        kept = Suppression.objects.get()
        assert (kept.reason, kept.note) == (COMPLAINT, "its reader complained"), order
        assert kept.created_at == now + timedelta(minutes=1), order
        kept.delete()


@pytest.mark.django_db
def test_an_address_is_stopped_in_its_own_workspace_only() -> None:
    acme, evil = Workspace.objects.create(name="Acme"), Workspace.objects.create(name="Evil")
    suppress(acme.pk, ADA, BOUNCE, database_now())
    suppress(evil.pk, "grace@example.com", COMPLAINT, database_now())
    for lock in (False, True):
        with transaction.atomic():
            found = suppressed([acme.pk, evil.pk], [ADA, "grace@example.com", "nobody@example.com"], lock=lock)
            assert suppressed([], [], lock=lock) == {}
        assert found == {(acme.pk, ADA): BOUNCE, (evil.pk, "grace@example.com"): COMPLAINT}


@pytest.mark.django_db(transaction=True)
def test_who_asks_last_waits_for_a_stop_that_is_under_way_and_sees_it() -> None:
    acme, now = Workspace.objects.create(name="Acme"), database_now()
    stopped, seen = threading.Event(), []

    def ask() -> None:
        stopped.wait(PATIENCE)
        with transaction.atomic():
            seen.append(suppressed([acme.pk], [ADA], lock=True))
        connection.close()

    asking = threading.Thread(target=ask)
    asking.start()
    with transaction.atomic():
        suppress(acme.pk, ADA, BOUNCE, now)
        stopped.set()
        asking.join(0.3)
        assert asking.is_alive()
        assert seen == []
    asking.join(PATIENCE)
    assert seen == [{(acme.pk, ADA): BOUNCE}]


@pytest.mark.django_db(transaction=True)
def test_a_stop_waits_for_who_has_asked_last_and_has_not_ended() -> None:
    acme, now = Workspace.objects.create(name="Acme"), database_now()
    asked = threading.Event()

    def stop() -> None:
        asked.wait(PATIENCE)
        suppress(acme.pk, ADA, BOUNCE, now)
        connection.close()

    stopping = threading.Thread(target=stop)
    stopping.start()
    with transaction.atomic():
        assert suppressed([acme.pk], [ADA], lock=True) == {}
        asked.set()
        stopping.join(0.3)
        assert stopping.is_alive()
        assert suppressed([acme.pk], [ADA], lock=True) == {}
    stopping.join(PATIENCE)
    assert suppressed([acme.pk], [ADA])
