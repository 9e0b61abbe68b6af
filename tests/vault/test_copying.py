"""All rows arrive as they were, whichever way they go, and a copy that breaks off goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from django.apps import apps

from cocoonmail.accounts import walls
from cocoonmail.accounts.models import User, Workspace
from cocoonmail.contacts.models import Contact
from cocoonmail.kit.clock import database_now
from cocoonmail.vault import copying
from cocoonmail.vault.copying import CannotCopy, begin, copy, finish
from cocoonmail.vault.migrate import make_ready
from cocoonmail.vault.sides import Side, SqliteSide
from cocoonmail.vault.tables import Row, Table, tables
from tests import ground
from tests.shop import Shop, event
from tests.vault.sides import contents, empty_file, half_filled, here

pytestmark = pytest.mark.django_db(transaction=True)


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.fixture
def lived_in() -> Iterator[Side]:
    """The test's database, in which everything has happened."""
    shop = Shop.opened()
    User.objects.create_user("alice@acme.test", "correct horse battery")
    for number in range(7):
        shop.hear(event("invoice.paid", f"p{number}@example.com"))
    shop.work()
    shop.send()
    odd = {"zoë": [1.5, 1e16, -0.0, None, True, "\U0001f600"], "a": {"b": "\\"}}
    contact = Contact.objects.first()
    assert contact
    Contact.objects.filter(pk=contact.pk).update(notes="tab\t line\n \\N \\. ü", properties=odd)
    Contact.objects.latest("pk").delete()
    side = here()
    yield side
    side.close()


@pytest.fixture
def file(tmp_path: Path) -> Iterator[SqliteSide]:
    side = empty_file(tmp_path)
    yield side
    side.close()


def copied(source: Side, target: Side) -> None:
    begin(source, target, "test")
    copy(source, target, silent)
    finish(source, target)


def test_everything_arrives_and_ids_go_on_where_they_were(lived_in: Side, file: SqliteSide) -> None:
    before = contents(lived_in)
    assert len(before["contacts_contact"]) == 6
    copied(lived_in, file)
    assert contents(file) == before
    assert file.sound()
    contacts = next(table for table in tables() if table.name == "contacts_contact")
    assert file.last_id(contacts) == lived_in.last_id(contacts) > max(int(str(row[0])) for row in before[contacts.name])
    assert not half_filled(file)


def test_the_way_back_ends_with_the_same(lived_in: Side, file: SqliteSide) -> None:
    before = contents(lived_in)
    copied(lived_in, file)
    begin(file, lived_in, "back", replace=True)
    copy(file, lived_in, silent)
    finish(file, lived_in, pause="for a test")
    assert contents(lived_in) == before
    new = Contact.objects.create(
        workspace=Workspace.objects.get(), email="new@example.com", email_key="new@example.com",
        created_at=database_now(), updated_at=database_now(),
    )  # fmt: skip
    assert new.pk > max(int(str(row[0])) for row in before["contacts_contact"]) + 1, "the deleted one's id came again"


class Cut(RuntimeError):
    """The power, in the middle."""


def test_a_copy_that_breaks_off_at_any_batch_goes_on_and_writes_nothing_twice(
    lived_in: Side, file: SqliteSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "ROWS_MAX", 3)
    before, write, left = contents(lived_in), file.write, [1]

    def cut(table: Table, rows: Sequence[Row]) -> None:
        write(table, rows)
        left[0] -= 1
        if not left[0]:
            raise Cut

    monkeypatch.setattr(file, "write", cut)
    assert begin(lived_in, file, "test")
    tries = 0
    while tries < 100:
        tries += 1
        left[0] = 3
        try:
            copy(lived_in, file, silent)
            break
        except Cut:
            assert not begin(lived_in, file, "test"), "it goes on"
    assert tries > 3
    finish(lived_in, file)
    assert contents(file) == before


def walls_are_built() -> None:
    """As after each migration."""
    for app in apps.get_app_configs():
        walls.build(app, "default")


@pytest.mark.parametrize("between", [make_ready, walls_are_built])
def test_a_copy_that_broke_off_goes_on_whatever_the_next_command_begins_with(
    lived_in: Side, file: SqliteSide, between: Callable[[], object]
) -> None:
    before = contents(lived_in)
    copied(lived_in, file)
    assert begin(file, lived_in, "back", replace=True)
    between()
    assert not begin(file, lived_in, "back")
    copy(file, lived_in, silent)
    finish(file, lived_in)
    assert contents(lived_in) == before


def test_what_is_half_filled_is_filled_with_nothing_else(lived_in: Side, file: SqliteSide) -> None:
    begin(lived_in, file, "one")
    with pytest.raises(CannotCopy, match="half filled with something else"):
        begin(lived_in, file, "another")
    assert half_filled(file)


def test_a_database_that_is_used_is_not_written_over(lived_in: Side, file: SqliteSide) -> None:
    before = contents(lived_in)
    with pytest.raises(CannotCopy, match="not empty"):
        begin(file, lived_in, "test")
    assert contents(lived_in) == before


def test_a_database_of_another_version_or_with_strange_tables_is_refused(lived_in: Side, file: SqliteSide) -> None:
    lived_in.ask("CREATE TABLE stranger (id int)")
    try:
        with pytest.raises(CannotCopy, match="stranger"):
            begin(lived_in, file, "test")
    finally:
        lived_in.ask("DROP TABLE stranger")
    file.ask("DELETE FROM django_migrations WHERE app = 'intake'")
    with pytest.raises(CannotCopy, match="another version"):
        begin(lived_in, file, "test")


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE contacts_contact SET notes = 'other'",
        "UPDATE contacts_contact SET email = first_name, first_name = email",
        "DELETE FROM emails_message",
    ],
)
def test_a_difference_is_noticed(lived_in: Side, file: SqliteSide, harm: str) -> None:
    begin(lived_in, file, "test")
    copy(lived_in, file, silent)
    file.ask(harm)
    with pytest.raises(CannotCopy, match="differs"):
        copy(lived_in, file, silent)


def test_a_row_that_vanishes_from_the_source_is_noticed(lived_in: Side, file: SqliteSide) -> None:
    begin(lived_in, file, "test")
    copy(lived_in, file, silent)
    lived_in.ask("UPDATE intake_delivery SET contact_id = NULL")
    lived_in.ask("DELETE FROM emails_message")
    with pytest.raises(CannotCopy, match="emails_message differs"):
        copy(lived_in, file, silent)


def test_text_that_postgresql_cannot_hold_arrives_mended_and_is_told(lived_in: Side, file: SqliteSide) -> None:
    copied(lived_in, file)
    file.ask("UPDATE contacts_contact SET notes = 'a' || char(0) || 'b', properties = '{\"a\": \"\\u0000\"}'")
    said: list[str] = []
    begin(file, lived_in, "back", replace=True)
    copy(file, lived_in, said.append)
    finish(file, lived_in)
    mended = ("a\ufffdb", {"a": "\ufffd"}) if ground.POSTGRES else ("a\0b", {"a": "\0"})
    assert list(Contact.objects.values_list("notes", "properties").distinct()) == [mended]
    assert [line for line in said if "U+FFFD" in line] == (
        ["contacts_contact: 6 rows held NUL or half characters; U+FFFD takes their place"] if ground.POSTGRES else []
    )


def test_a_row_that_does_not_fit_is_named(lived_in: Side, file: SqliteSide) -> None:
    if not ground.POSTGRES:
        return  # SQLite takes everything.
    copied(lived_in, file)
    file.ask("UPDATE contacts_contact SET source = ? WHERE id = (SELECT min(id) FROM contacts_contact)", "x" * 101)
    begin(file, lived_in, "back", replace=True)
    with pytest.raises(CannotCopy, match=r"contacts_contact between id \d+ and \d+ does not fit .* column source"):
        copy(file, lived_in, silent)
