"""Promises of rows that are written many at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from cocoonmail.accounts.models import Workspace
from cocoonmail.contacts.models import Contact
from cocoonmail.kit import rows
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.rows import insert_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Workspace:
    return Workspace.objects.create(name="Acme")


def people(acme: Workspace, number: int) -> list[Contact]:
    now = database_now()
    return [
        Contact(
            workspace=acme,
            email=f"Ada{n}@bücher.example",
            email_key=f"ada{n}@xn--bcher-kva.example",
            first_name='Ada "the" %s ?',
            user_id=None if n % 2 else f"u{n}",
            subscribed=bool(n % 3),
            unsubscribed_at=None if n % 3 else now - timedelta(days=n),
            properties={"plan": "Pro", "seats": n, "tags": ["é", None, True, 1.5]},
            created_at=now - timedelta(seconds=n),
            updated_at=now,
        )
        for n in range(number)
    ]


def test_what_is_inserted_is_what_the_orm_would_have_inserted(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "INSERT_MAX", 3)
    written = people(acme, 7)
    insert_rows(written)
    for row in written:
        stored = Contact.objects.get(pk=row.pk)
        assert all(getattr(stored, field.attname) == getattr(row, field.attname) for field in Contact._meta.fields)
        assert not row._state.adding
        row.first_name = "Grace"
        row.save(update_fields=["first_name"])
    assert Contact.objects.filter(first_name="Grace").count() == 7


def test_many_rows_are_one_statement_and_none_is_none(acme: Workspace) -> None:
    everybody = people(acme, 400)
    with CaptureQueriesContext(connection) as captured:
        insert_rows(everybody)
        insert_rows([])
    assert len(captured) == 1


def test_a_row_that_is_there_already_is_refused_or_left_out(acme: Workspace) -> None:
    insert_rows(people(acme, 1))
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(people(acme, 2))
    assert Contact.objects.count() == 1
    insert_rows(people(acme, 3), unless_there=True)
    assert Contact.objects.count() == 3
