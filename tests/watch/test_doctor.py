"""The doctor's findings: each trouble is found, said with its remedy, and not found where it is not."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.domains import add_pair, records_of, switch_on
from cocoonmail.emails.transport import set_transport
from cocoonmail.intake.models import Delivery, Endpoint, SigningSecret
from cocoonmail.kit.clock import database_now
from cocoonmail.kit.http_limits import MIB
from cocoonmail.transports import parse_transport_url
from cocoonmail.watch import ready
from cocoonmail.watch.backlog import Backlog, Queue
from cocoonmail.watch.doctor import clocks, examine, keys, mail, privacy, space, storage, versions, walls, work
from cocoonmail.watch.doctor.finding import Finding, Level
from cocoonmail.watch.heart import beat
from cocoonmail.watch.models import Worker
from tests.mailbox import mailbox
from tests.nameserver import name_server
from tests.shop import Shop, event

GIB = 1024 * MIB
PATH = Path("/data")


def levels(findings: Iterable[Finding]) -> list[str]:
    """How bad each is; what is not well has a remedy."""
    found = list(findings)
    for one in found:
        assert one.what.endswith((".", ")")), one
        assert bool(one.remedy) is (one.level is not Level.OK), one
    return [one.level.value for one in found]


# What the settings of a database mean


@pytest.mark.parametrize(
    ("journal", "synchronous", "expected"),
    [
        ("wal", 2, ["ok"]),
        ("wal", 3, ["ok"]),
        ("wal", 1, ["problem"]),
        ("delete", 2, ["problem"]),
        ("off", 0, ["problem"] * 2),
    ],
)
def test_sqlite_has_to_wait_for_the_disk(journal: str, synchronous: int, expected: list[str]) -> None:
    assert levels(storage.sqlite(journal, synchronous)) == expected


@pytest.mark.parametrize("off", ["", "fsync", "synchronous_commit", "full_page_writes"])
def test_postgresql_has_to_wait_for_the_disk(off: str) -> None:
    values = dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "on") | ({off: "off"} if off else {})
    [found] = storage.postgres(values)
    assert found.level == ("problem" if off else "ok")
    assert off in found.what


@pytest.mark.parametrize("value", ["local", "remote_write", "remote_apply"])
def test_a_commit_that_waits_for_the_disk_here_is_enough(value: str) -> None:
    assert levels(storage.postgres({"fsync": "on", "synchronous_commit": value, "full_page_writes": "on"})) == ["ok"]


def test_a_standby_and_a_server_without_connections_left_are_found() -> None:
    assert levels(storage.standing(True)) == ["problem"]
    assert levels(storage.standing(False)) == []
    assert levels(storage.connections(95, 100)) == ["warning"]
    assert levels(storage.connections(40, 100)) == ["ok"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("nfs4", ["problem"]),
        ("cifs", ["problem"]),
        ("tmpfs", ["warning"]),
        ("overlay", ["warning"]),
        ("ext4", ["ok"]),
        ("", []),
    ],
)
def test_sqlite_belongs_on_a_local_disk(kind: str, expected: list[str]) -> None:
    assert levels(storage.file_system(PATH, kind)) == expected


def test_the_longest_mount_point_above_a_folder_says_what_it_lies_on() -> None:
    mounts = "/dev/a / ext4 rw 0 0\nserver:/x /data nfs4 rw 0 0\n/dev/b /data/my\\040disk xfs rw 0 0\n"
    assert storage.kind_of(Path("/data/cocoon"), mounts) == "nfs4"
    assert storage.kind_of(Path("/data/my disk/cocoon"), mounts) == "xfs"
    assert storage.kind_of(Path("/database"), mounts) == "ext4"
    assert storage.kind_of(Path("/data"), "") == ""


def test_a_table_without_a_wall_is_a_problem_and_a_role_that_looks_over_walls_a_warning() -> None:
    assert levels(walls.between_workspaces(["contacts_contact"], over=False)) == ["problem"]
    assert levels(walls.between_workspaces([], over=True)) == ["warning"]
    assert levels(walls.between_workspaces(["contacts_contact"], over=True)) == ["problem", "warning"]
    assert levels(walls.between_workspaces([], over=False)) == ["ok"]


@pytest.mark.django_db
def test_walls_are_spoken_of_once_where_there_are_some() -> None:
    about = [found.about for found in examine.examine()]
    assert about.count("walls") == (0 if connection.vendor == "sqlite" else 1)


# Versions, clocks, room


@pytest.mark.parametrize(
    ("version", "expected"),
    [((3, 40, 1), "warning"), ((3, 44, 5), "warning"), ((3, 44, 6), "ok"), ((3, 45, 0), "warning"),
     ((3, 50, 6), "warning"), ((3, 50, 7), "ok"), ((3, 51, 2), "warning"), ((3, 51, 3), "ok"), ((3, 53, 0), "ok"),
     ((4, 0, 0), "ok")],
)  # fmt: skip
def test_the_sqlites_that_lose_a_commit_beside_a_checkpoint_are_found(version: tuple[int, ...], expected: str) -> None:
    assert levels(versions.sqlite(version)) == [expected]


def test_other_versions_with_faults_are_found() -> None:
    assert levels(versions.python((3, 14, 0), "candidate")) == ["warning"]
    assert levels(versions.python(sys.version_info[:3], "final")) == ["ok"]
    assert [levels(versions.postgres(number))[0] for number in (130_020, 140_003, 140_004, 170_002)] == [
        "problem", "warning", "ok", "ok",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.4, "ok"), (-3, "warning"), (3, "warning"), (90, "problem"), (-90, "problem")]
)
def test_clocks_that_differ_are_found(seconds: float, expected: str) -> None:
    assert levels(clocks.difference("This machine", seconds)) == [expected]


@pytest.mark.django_db
def test_webhooks_that_were_signed_in_the_future_and_workers_with_another_time_are_found() -> None:
    assert levels(clocks.clocks()) == ["ok"]
    shop = Shop.opened()
    shop.hear(event("customer.created"), event("customer.created"))
    Delivery.objects.filter(pk=shop.last().pk).update(clock_ahead=40)
    beat("other.host:7:word")
    Worker.objects.update(offset=-4.0)
    found = list(clocks.clocks())
    assert levels(found) == ["ok", "warning", "warning"]
    assert "other.host:7 is 4.0 s behind" in found[1].what
    assert "1 of the last 1000 webhooks were signed up to 40 s in the future" in found[2].what


@pytest.mark.parametrize(
    ("free", "total", "expected"),
    [(50 * GIB, 100 * GIB, "ok"), (8 * GIB, 100 * GIB, "warning"), (1 * GIB, 8 * GIB, "warning"),
     (4 * GIB, 100 * GIB, "problem"), (400 * MIB, 2 * GIB, "problem")],
)  # fmt: skip
def test_a_disk_that_fills_up_is_found(free: int, total: int, expected: str) -> None:
    assert levels(space.disk(PATH, free, total)) == [expected]


def test_a_log_that_is_not_written_back_and_a_low_limit_of_files_are_found() -> None:
    assert levels(space.database(GIB, 600 * MIB)) == ["warning"]
    assert levels(space.database(GIB, 60 * MIB)) == ["ok"]
    assert levels(space.files(824, 1024)) == ["warning"]
    assert levels(space.files(10_000, 65_536)) == ["ok"]


# Keys


@pytest.mark.parametrize(
    ("mode", "expected"), [(0o600, "ok"), (0o400, "ok"), (0o640, "warning"), (0o644, "problem"), (0o606, "problem")]
)
def test_a_key_that_others_can_read_is_found(mode: int, expected: str) -> None:
    assert levels(keys.permissions(PATH / "secret.key", mode)) == [expected]


@pytest.mark.one_database
def test_a_database_that_others_can_read_and_reach_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (file := folder / "cocoonmail.sqlite3").touch()
    real = Path.stat

    def stat(path: Path, **named: bool) -> object:
        """As if everybody might pass through what lies above the folder, which is not ours to change."""
        return real(path if path in (file, folder) else Path("/"), **named)

    monkeypatch.setattr(Path, "stat", stat)
    found = {}
    for door, mode in [(0o755, 0o644), (0o711, 0o604), (0o755, 0o640), (0o700, 0o644), (0o750, 0o666)]:
        folder.chmod(door)
        file.chmod(mode)
        found[door, mode] = levels(privacy.of_others(file))[0]
    assert [pair for pair, level in found.items() if level == "problem"] == [(0o755, 0o644), (0o711, 0o604)]
    folder.chmod(0o755)
    file.chmod(0o644)
    [finding] = privacy.of_others(file)
    assert finding.remedy.startswith(f"chmod 600 {file}*, and chmod 700 {folder}")


@pytest.mark.django_db
def test_secrets_that_the_key_does_not_open_are_found() -> None:
    shop = Shop.opened("smtp://ada:password@127.0.0.1:2525")
    add_pair(shop.workspace, "acme.test", database_now())
    [found] = keys.sealed()
    assert (found.level, "all 3 stored secrets" in found.what) == ("ok", True)
    SigningSecret.objects.update(sealed="gAAAA-of-another-key")
    Workspace.objects.update(transport_sealed="gAAAA-of-another-key")
    found_ = list(keys.sealed())
    assert levels(found_) == ["problem", "problem"]
    assert "1 stored signing secrets" in found_[0].what
    assert "1 stored transports" in found_[1].what
    assert levels(mail.transports()) == ["problem"]


# Work


def idle(**changes: object) -> Backlog:
    quiet = {"queues": {}, "parked": 0, "failed": 0, "standing": {}, "workers": 1, "paused": ""}
    return Backlog(**(quiet | changes))  # type: ignore[arg-type]


def test_sending_that_is_paused_is_found() -> None:
    assert levels(work.workers(idle(paused="the data folder was copied"))) == ["ok", "warning"]


def test_an_installation_without_a_worker_is_found() -> None:
    assert levels(work.workers(idle())) == ["ok"]
    assert levels(work.workers(idle(workers=0))) == ["problem"]


@pytest.mark.parametrize(("age", "expected"), [(0.0, "ok"), (59.0, "ok"), (61.0, "warning"), (301.0, "problem")])
def test_work_that_waits_for_minutes_is_found(age: float, expected: str) -> None:
    assert levels(work.queued("send", Queue(7, age))) == [expected]


def test_what_waits_for_a_person_is_found() -> None:
    assert levels(work.standing({}, 0, 3)) == ["ok"]
    assert levels(work.standing({"unknown": 1, "held": 2, "failed": 3}, 4, 0)) == ["warning"] * 4 + ["ok"]


@pytest.mark.django_db
def test_an_endpoint_that_refuses_everything_is_found() -> None:
    shop = Shop.opened()
    assert levels(work.endpoints()) == []
    SigningSecret.objects.all().delete()
    [found] = work.endpoints()
    assert (found.level, "“Stripe”" in found.what) == ("warning", True)
    Endpoint.objects.filter(pk=shop.endpoint.pk).update(enabled=False)
    assert levels(work.endpoints()) == []


@pytest.mark.django_db
def test_a_database_of_another_version_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert levels(work.migrations()) == ["ok"]
    monkeypatch.setattr(ready, "known", lambda: (("watch", "0099_tomorrow"),))
    [found] = work.migrations()
    assert (found.level, "watch.0099_tomorrow" in found.what) == ("problem", True)


@pytest.mark.django_db(transaction=True)
def test_what_the_real_database_has_is_read() -> None:
    now = database_now()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:  # The tests' own connection does not wait for the disk.
            cursor.execute("PRAGMA synchronous=FULL")
    beat("here:1:word")
    found = [*storage.storage(), *versions.versions(), *space.space(), *work.work()]
    # tests/conftest.py has SQLite not wait for the disk; that it does is seen in test_doctor_outside.py.
    assert {one.about for one in found if one.level is Level.PROBLEM} <= {"storage"}, found
    assert {one.about for one in found} >= {"storage", "versions", "disk", "files", "workers", "backlog"}
    assert database_now() - now < timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_without_a_database_the_rest_is_examined_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    for name, value in {"NAME": "/nowhere/at/all", "HOST": "127.0.0.1", "PORT": "1"}.items():
        monkeypatch.setitem(connections.settings["default"], name, value)
    try:
        found = list(examine.examine())
    finally:
        monkeypatch.undo()
        connection.close()
    assert examine.is_ill(found)
    assert {one.about for one in found} >= {"database", "versions", "disk", "keys", "proxy"}


# Mail


@pytest.mark.one_database
def test_a_mail_server_is_tried_without_sending_anything() -> None:
    with mailbox("right-password") as box:
        assert mail.try_transport("Acme", parse_transport_url(box.url)).level == "ok"
        wrong = mail.try_transport("Acme", parse_transport_url(box.url.replace("right", "wrong")))
    gone = mail.try_transport("Acme", parse_transport_url(box.url))
    assert (wrong.level, gone.level) == ("problem", "problem")
    assert "password" not in wrong.what.replace("password is wrong", "")
    assert box.letters == []


@pytest.mark.one_database
def test_mail_that_nobody_gets_and_a_provider_without_its_key_are_found() -> None:
    assert mail.try_transport("Acme", parse_transport_url("capture")).level == "warning"
    assert mail.try_transport("Acme", parse_transport_url("postmark://")).level == "problem"
    kept = mail.try_transport("Acme", parse_transport_url("postmark://the-key"))
    assert (kept.level, "the-key" in kept.what) == ("ok", False)


@pytest.mark.django_db
@pytest.mark.one_database
def test_domains_whose_dns_does_not_bear_their_signatures_out_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop.opened("smtp://127.0.0.1:2525")
    with name_server({"acme.test": ["v=spf1 -all"]}, monkeypatch):
        assert levels(mail.domains()) == ["warning", "ok", "warning"]
    pair = add_pair(shop.workspace, "acme.test", database_now())
    switch_on(pair)
    zone = {record.name: [record.value] for record in records_of(pair)}
    whole = {**zone, "acme.test": ["v=spf1 -all"], "_dmarc.acme.test": ["v=DMARC1; p=none"]}
    with name_server(whole, monkeypatch):
        assert levels(mail.domains()) == ["ok"] * 4
    with name_server({**whole, next(iter(zone)): []}, monkeypatch):
        assert levels(mail.domains()) == ["problem", "ok", "ok", "ok"]
    set_transport(shop.workspace, "capture")
    shop.workspace.save()


def test_the_checks_are_all_there_and_each_in_its_place() -> None:
    assert examine.CHECKS[0] is work.migrations
    assert len(set(examine.CHECKS)) == len(examine.CHECKS)
    assert storage.data_folder() == settings.DATA
