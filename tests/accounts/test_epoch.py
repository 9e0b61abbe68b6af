"""Promise S11: a copy of the database, or an older state of it, does not send until a person says so."""

from __future__ import annotations

import fcntl
import os
import shutil
from threading import Event, Thread
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from cocoonmail.accounts import epoch
from cocoonmail.accounts.models import Installation, Workspace
from cocoonmail.kit import epochfile
from cocoonmail.kit.epochfile import EpochFile, Mark
from tests import ground

pytestmark = pytest.mark.django_db


def start() -> bool:
    """A process begins here; returns whether it may send."""
    vars(epoch)["_memory"] = epoch._Memory()
    return epoch.may_send()


def send() -> Mark:
    """A commit that lets mail go."""
    mark = epoch.next_mark()
    assert mark is not None
    epoch.note(mark)
    return mark


def state() -> tuple[int, int]:
    """What a snapshot of the database holds."""
    row = Installation.objects.get()
    return row.generation, epoch._marks(row)


def put_back(generation: int, marks: int) -> None:
    """The snapshot in the place of the database."""
    Installation.objects.update(generation=generation, marks=marks, paused_at=None, pause_reason="")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT setval('accounts_marks', %s, %s)", [max(marks, 1), marks > 0])


def why() -> str:
    return Installation.objects.get().pause_reason


@pytest.fixture
def file() -> EpochFile:
    """An installation that has sent."""
    Workspace.objects.create(name="Acme")
    assert start()
    send()
    return EpochFile(settings.DATA)


def test_a_new_installation_sends_and_goes_on_after_each_start() -> None:
    for _ in range(3):
        assert start()
        send()


def test_an_installation_from_before_this_was_counted_sends() -> None:
    Workspace.objects.create(name="Acme")
    assert start()


def test_a_database_that_was_restored_over_its_own_folder_is_paused(file: EpochFile) -> None:
    before = state()
    send()
    put_back(*before)
    assert not start()
    assert why() == epoch.OLDER
    assert epoch.next_mark() is None
    assert epoch.resume()
    assert start()
    send()


def test_the_same_snapshot_restored_again_is_paused_again(file: EpochFile) -> None:
    before = state()
    send()
    for _ in range(2):
        put_back(*before)
        assert not start()


def test_a_snapshot_from_before_this_was_counted_is_paused(file: EpochFile) -> None:
    Installation.objects.all().delete()
    assert not start()
    assert why() == epoch.OLDER


def test_a_new_database_in_an_old_folder_sends(file: EpochFile) -> None:
    Installation.objects.all().delete()
    Workspace.objects.all().delete()
    assert start()


def test_a_database_that_is_exchanged_under_a_running_worker_stops_it(file: EpochFile) -> None:
    before = state()
    send()
    put_back(*before)
    assert epoch.may_send(), "this process has looked before"
    assert epoch.next_mark() is None
    assert not epoch.may_send()


def test_a_mark_whose_transaction_is_undone_is_no_trouble(file: EpochFile) -> None:
    before = state()
    assert epoch.next_mark()
    if connection.vendor == "sqlite":
        put_back(*before)  # As a rollback does; a sequence goes on.
    send()
    assert start()


def test_a_copy_of_the_folder_is_paused(file: EpochFile) -> None:
    copy = file.path.with_suffix(".copy")
    shutil.copy2(file.path, copy)
    copy.replace(file.path)
    assert not start()
    assert why() == epoch.COPIED_FOLDER


def test_another_machine_is_noticed_and_a_container_that_has_none_is_not(
    file: EpochFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochfile, "machine", lambda: "one")
    Installation.objects.all().delete()
    file.path.unlink()
    assert start()
    assert start()
    monkeypatch.setattr(epochfile, "machine", lambda: "another")
    assert not start()
    assert why() == epoch.COPIED_FOLDER


def test_a_file_that_makes_no_sense_pauses(file: EpochFile) -> None:
    file.path.write_text("nonsense")
    assert not start()
    assert why() == epoch.NO_FILE


def test_of_two_that_start_at_once_the_second_waits_for_what_the_first_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the first one's opening of a new file and its first byte the second one looks."""
    began, asked, seen = Event(), Event(), []
    write, lock = os.pwrite, fcntl.flock

    def slowly(*given: Any) -> int:
        began.set()
        assert asked.wait(30)
        return write(*given)

    def locking(file: int, how: int) -> None:
        if how == fcntl.LOCK_SH:
            asked.set()  # The writer goes on only where the reader asks for its turn.
        lock(file, how)

    monkeypatch.setattr(os, "pwrite", slowly)
    monkeypatch.setattr(fcntl, "flock", locking)
    first = Thread(target=lambda: EpochFile(settings.DATA).write("one", Mark(3, 4)))
    second = Thread(target=lambda: seen.append(EpochFile(settings.DATA).read()))
    first.start()
    assert began.wait(30)
    second.start()
    first.join(30)
    second.join(30)
    assert [known and known.mark for known in seen] == [Mark(3, 4)]


def test_a_file_that_somebody_just_begins_pauses_nothing_where_nothing_was_sent() -> None:
    EpochFile(settings.DATA).path.touch()
    assert start()
    assert EpochFile(settings.DATA).read() is not None


def test_an_empty_file_pauses_where_a_database_that_has_sent_lives_beside_it(file: EpochFile) -> None:
    file.path.write_bytes(b"")
    assert start() is ground.POSTGRES


def test_who_starts_late_lowers_no_mark_of_who_sends_already(file: EpochFile) -> None:
    uuid = Installation.objects.get().uuid
    file.write(uuid, Mark(1, 900))
    file.write(uuid, Mark(1, 2))
    known = file.read()
    assert known is not None
    assert known.mark == Mark(1, 900)


def test_a_folder_without_the_file_pauses_where_the_database_lives_beside_it(file: EpochFile) -> None:
    file.path.unlink()
    assert start() is ground.POSTGRES
    assert file.path.exists()


def test_the_folder_of_another_installation_pauses(file: EpochFile) -> None:
    Installation.objects.update(uuid="another")
    assert not start()
    assert why() == epoch.OTHER


def test_a_copied_postgresql_database_is_paused(file: EpochFile) -> None:
    if not ground.POSTGRES:
        assert epoch.home() == ""
        return
    assert Installation.objects.get().home == epoch.home() != ""
    Installation.objects.update(home="7300/16384")
    assert not start()
    assert why() == epoch.COPIED_DATABASE
    assert epoch.resume()
    assert start()


def test_what_was_moved_away_never_sends_again(file: EpochFile) -> None:
    Installation.objects.update(moved_to="postgres://elsewhere/cocoonmail")
    assert not start()
    assert epoch.next_mark() is None
    with pytest.raises(epoch.Gone, match="elsewhere"):
        epoch.resume()


def test_several_workers_of_one_folder_leave_the_highest_mark_in_it(file: EpochFile) -> None:
    file.raise_to(Mark(1, 90))
    file.raise_to(Mark(1, 80))
    known = file.read()
    assert known is not None
    assert known.mark == Mark(1, 90)
