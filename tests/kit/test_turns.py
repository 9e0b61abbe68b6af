"""Writers of SQLite take turns: who waits is not refused, and nobody's turn outlives its transaction."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from cocoonmail.accounts.models import Workspace
from cocoonmail.kit.sqlite import base
from cocoonmail.kit.sqlite.base import DatabaseWrapper

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has many writers"),
]


PATIENCE = 60  # Seconds until a test gives up


class Other:
    """Another process's writer, which waits for its turn and not a moment for SQLite."""

    def __init__(self) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        self.trouble: BaseException | None = None
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA busy_timeout=0")
            with transaction.atomic():
                self.began.set()
                assert self.go_on.wait(PATIENCE)
                Workspace.objects.create(name="Other")
        except BaseException as error:
            self.trouble = error
        finally:
            self.began.set()
            connection.close()

    def ended(self) -> BaseException | None:
        self.go_on.set()
        self._thread.join(PATIENCE)
        return self.trouble


@pytest.fixture
def somebody() -> Iterator[int]:
    """Somebody else whose turn it is, for ever."""
    connection.ensure_connection()
    file = os.open(f"{connection.settings_dict['NAME']}-turn", os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    yield file
    os.close(file)


def test_who_waits_for_a_transaction_begins_when_it_has_ended() -> None:
    with transaction.atomic():
        Workspace.objects.create(name="Ours")
        other = Other()
        assert not other.began.wait(0.1)
    assert other.began.wait(PATIENCE)
    assert other.ended() is None
    assert sorted(Workspace.objects.values_list("name", flat=True)) == ["Other", "Ours"]


def test_a_statement_of_its_own_waits_too_and_lets_others_on() -> None:
    other = Other()
    assert other.began.wait(PATIENCE)
    done = threading.Event()

    def write() -> None:
        with cast(DatabaseWrapper, connection).turn():
            done.set()
        connection.close()

    late = threading.Thread(target=write)
    late.start()
    assert not done.wait(0.1)
    assert other.ended() is None
    assert done.wait(PATIENCE)
    late.join(PATIENCE)
    assert Other().ended() is None


def test_a_turn_within_a_transaction_ends_with_the_transaction() -> None:
    with transaction.atomic():
        with cast(DatabaseWrapper, connection).turn():
            pass
        other = Other()
        assert not other.began.wait(0.1)
    assert other.ended() is None


@pytest.mark.parametrize("error", [IntegrityError, KeyboardInterrupt])
def test_what_is_rolled_back_lets_others_on(error: type[BaseException]) -> None:
    with pytest.raises(error), transaction.atomic():
        raise error
    assert Other().ended() is None


def test_a_connection_that_is_closed_lets_others_on() -> None:
    ours = cast(DatabaseWrapper, connection)
    ours.ensure_connection()
    ours._start_transaction_under_autocommit()
    connection.close()
    assert Other().ended() is None


def test_who_never_ends_is_left_to_sqlite(somebody: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "PATIENCE", 0.01)
    Workspace.objects.create(name="Ours")
    with transaction.atomic():
        Workspace.objects.create(name="Ours too")
        late = Other()
        late.go_on.set()
        assert isinstance(late.ended(), OperationalError)
    assert Workspace.objects.count() == 2


def test_a_writing_statement_that_is_a_transaction_of_its_own_has_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace.objects.create(name="Acme")
    turns: list[str] = []
    for name in ("_take_turn", "_give_turn"):
        monkeypatch.setattr(DatabaseWrapper, name, noted(turns, getattr(DatabaseWrapper, name)))
    assert Workspace.objects.update(name="Beta") == 1
    assert turns == ["_take_turn", "_give_turn"]
    assert list(Workspace.objects.values_list("name", flat=True)) == ["Beta"]
    assert turns == ["_take_turn", "_give_turn"]
    with transaction.atomic():
        Workspace.objects.update(name="Gamma")
    assert turns == ["_take_turn", "_give_turn"] * 2


def noted(turns: list[str], method: Callable[[DatabaseWrapper], None]) -> Callable[[DatabaseWrapper], None]:
    def note(self: DatabaseWrapper) -> None:
        turns.append(method.__name__)
        method(self)

    return note
