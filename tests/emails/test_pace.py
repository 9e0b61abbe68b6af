"""Limits hold: in every window, over processes, kills and restarts, whichever order messages come in (promise S7)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from cocoonmail.accounts.models import Workspace
from cocoonmail.emails.limits import (
    DOMAINS_MAX,
    JITTER,
    BadLimit,
    Key,
    Limits,
    interval,
    read_domain_rates,
)
from cocoonmail.emails.models import Message, Pace
from cocoonmail.emails.pace import (
    ANY_TIME,
    CLOCK_FAULT,
    LEAD,
    LONG_AGO,
    PATIENCE,
    Later,
    Row,
    Slot,
    Turn,
    crowded,
    not_before,
    reserve,
    still_good,
    take_turns,
)
from cocoonmail.transports.options import RATE_MAX, RATE_MIN
from tests.deeds import contact, goes_on, happens, loop_of
from tests.emails.windows import most_within
from tests.people import workspace

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
TRANSPORT, GMAIL, GMX = Key(1, "", 10), Key(1, "gmail.com", 2), Key(1, "gmx.de", 5)


def seconds(of: timedelta) -> float:
    return of / SECOND


def fresh() -> dict[Row, datetime]:
    return {key.row: LONG_AGO for key in (TRANSPORT, GMAIL, GMX)}


# The arithmetic


def dots(rate: float, waits: list[float], lateness: list[float]) -> list[float]:
    """When dots leave, in seconds, of messages that come after these waits, each late by this share of JITTER."""
    last, now, moments = {(1, ""): LONG_AGO}, NOW, []
    for wait, late in zip(waits, lateness, strict=True):
        now += timedelta(seconds=wait)
        turn = take_turns([(Key(1, "", rate),)], last, now)[0]
        if isinstance(turn, Later):
            now = turn.at
            turn = take_turns([(Key(1, "", rate),)], last, now)[0]
        assert isinstance(turn, Slot)
        moments.append(seconds(turn.starts - NOW) + late * seconds(JITTER))
    return moments


CASES = st.integers(2, 120).flatmap(
    lambda count: st.tuples(
        st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.05, 0.5, 3.0]), min_size=count, max_size=count),
        st.lists(st.sampled_from([0.0, 1.0]) | st.floats(0, 1), min_size=count, max_size=count),
    )
)
RATES = st.sampled_from([0.001, 0.1, 0.5, 1.0, 1.5, 2.5, 10.0, 60.0, 1000.0]) | st.floats(RATE_MIN, RATE_MAX)


@pytest.mark.one_database
@given(RATES, CASES)
def test_no_window_holds_too_many_dots_however_late_each_is(rate: float, case: tuple[list[float], list[float]]) -> None:
    moments = dots(rate, *case)
    hair = 1e-5  # Floats and the microseconds of a datetime
    assert most_within(moments, 1 - hair) <= math.ceil(rate)
    assert most_within(moments, 60 - hair) <= math.ceil(60 * rate)
    assert most_within(moments, max(1, 1 / rate) - hair) <= math.ceil(rate)


@pytest.mark.one_database
@given(st.integers(1, 1000))
def test_a_whole_rate_holds_in_any_second_although_the_first_dot_is_late_and_the_last_is_not(rate: int) -> None:
    slots = [seconds(interval(rate)) * number for number in range(rate + 1)]
    moments = [slots[0] + seconds(JITTER), *slots[1:]]
    assert most_within(moments, 1 - 1e-9) <= rate
    assert interval(rate) * rate >= SECOND + JITTER


# Turns


@pytest.mark.one_database
def test_slots_are_an_interval_apart_and_end_when_the_jitter_is_over() -> None:
    first, second = take_turns([(TRANSPORT,), (TRANSPORT,)], fresh(), NOW)
    assert first == Slot(NOW + LEAD, NOW + LEAD + JITTER)
    assert isinstance(second, Slot)
    assert second.starts - NOW - LEAD == TRANSPORT.interval
    assert not still_good(second, second.starts - timedelta(microseconds=1))
    assert still_good(second, second.starts)
    assert still_good(second, second.ends)
    assert not still_good(second, second.ends + timedelta(microseconds=1))


@pytest.mark.one_database
def test_who_would_wait_for_longer_than_patience_takes_no_slot_and_lines_up() -> None:
    last = fresh()
    turns = take_turns([(TRANSPORT,)] * 100, last, NOW)
    slots = [turn for turn in turns if isinstance(turn, Slot)]
    later = [turn.at for turn in turns if isinstance(turn, Later)]
    assert len(slots) == 18
    assert turns[:18] == slots
    assert last[TRANSPORT.row] == slots[-1].starts <= NOW + PATIENCE
    assert {after - before for before, after in pairwise(later)} == {TRANSPORT.interval}
    assert later[0] > NOW + PATIENCE - LEAD


@pytest.mark.one_database
def test_a_message_with_two_limits_gets_a_slot_that_keeps_both() -> None:
    last = fresh()
    last[TRANSPORT.row] = NOW + SECOND
    turn = take_turns([(TRANSPORT, GMAIL)], last, NOW)[0]
    assert isinstance(turn, Slot)
    assert turn.starts == NOW + SECOND + TRANSPORT.interval == last[TRANSPORT.row] == last[GMAIL.row]


@pytest.mark.one_database
def test_a_slow_domain_keeps_nobody_else_waiting() -> None:
    last = fresh()
    turns = take_turns([(TRANSPORT, GMAIL)] * 5 + [(TRANSPORT,)] * 10, last, NOW)
    assert [type(turn) for turn in turns] == [Slot] + [Later] * 4 + [Slot] * 10
    assert last[TRANSPORT.row] == NOW + LEAD + 10 * TRANSPORT.interval
    after = turns[1]
    assert isinstance(after, Later)
    assert isinstance(take_turns([(TRANSPORT, GMAIL)], fresh() | {GMAIL.row: last[GMAIL.row]}, after.at)[0], Slot)


@pytest.mark.one_database
@given(
    st.lists(
        st.tuples(st.sampled_from([(TRANSPORT,), (TRANSPORT, GMAIL), (TRANSPORT, GMX), (GMX,), ()]), st.floats(0, 0.3)),
        max_size=150,
    )
)
def test_in_any_mixture_every_limit_keeps_its_distance(mixture: list[tuple[tuple[Key, ...], float]]) -> None:
    last, now = fresh(), NOW
    starts: dict[Key, list[datetime]] = {TRANSPORT: [], GMAIL: [], GMX: []}
    for keys, wait in mixture:
        now += timedelta(seconds=wait)
        turn = take_turns([keys], last, now)[0]
        if isinstance(turn, Later):
            assert turn.at > now
            continue
        for key in keys:
            starts[key].append(turn.starts)
    for key, moments in starts.items():
        assert all(after - before >= key.interval for before, after in pairwise(moments))


@pytest.mark.one_database
def test_a_changed_limit_counts_at_once() -> None:
    last = {(1, ""): NOW}
    slow, quick = Key(1, "", 0.01), Key(1, "", 20)
    assert isinstance(take_turns([(slow,)], dict(last), NOW + SECOND)[0], Later)
    assert isinstance(take_turns([(quick,)], dict(last), NOW + SECOND)[0], Slot)


@pytest.mark.one_database
def test_a_clock_that_was_set_back_does_not_stop_the_mail() -> None:
    ahead = fresh() | {TRANSPORT.row: NOW + timedelta(hours=3)}
    assert isinstance(take_turns([(TRANSPORT,)], ahead, NOW)[0], Slot)
    near = fresh() | {TRANSPORT.row: NOW + CLOCK_FAULT}
    assert isinstance(take_turns([(TRANSPORT,)], near, NOW)[0], Later)


# What limits whom


@pytest.mark.one_database
def test_a_domain_is_compared_in_one_spelling_and_its_subdomains_are_others() -> None:
    limits = Limits(10, {"gmail.com": 2, "xn--bcher-kva.example": 1})
    assert limits.keys(1, "ada@GMail.com") == (TRANSPORT, GMAIL)
    assert limits.keys(1, "ada@Bücher.example") == (TRANSPORT, Key(1, "xn--bcher-kva.example", 1))
    assert limits.keys(1, "ada@mail.gmail.com") == (TRANSPORT,)
    assert limits.keys(1, "no address") == (TRANSPORT,)
    assert Limits(None, {"gmail.com": 2}).keys(1, "ada@gmail.com") == (GMAIL,)
    assert Limits().keys(1, "ada@gmail.com") == ()


@pytest.mark.one_database
def test_limits_are_kept_in_one_spelling() -> None:
    read = read_domain_rates({"@GMX.de": 2.5, "gmail.com.": 5.0, "bücher.example": 0.001})
    assert read == {"gmx.de": 2.5, "gmail.com": 5, "xn--bcher-kva.example": 0.001}
    assert isinstance(read["gmail.com"], int)


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("rates", "words"),
    [
        ({"gmail": 5}, "“gmail” is no domain"),
        ({"": 5}, "“” is no domain"),
        ({"a b.com": 5}, "is no domain"),
        ({"ada@gmail.com": 5}, "is no domain"),
        ({"gmail.com\n": 5, "GMAIL.com": 5}, "named twice"),
        ({"gmail.com": 0}, "from 0.001 to 10,000"),
        ({"gmail.com": -1}, "from 0.001 to 10,000"),
        ({"gmail.com": 10001}, "from 0.001 to 10,000"),
        ({"gmail.com": math.nan}, "from 0.001 to 10,000"),
        ({"gmail.com": math.inf}, "from 0.001 to 10,000"),
        ({f"{number}.com": 1 for number in range(DOMAINS_MAX + 1)}, "100 domains at most"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_in_words(rates: dict[str, float], words: str) -> None:
    with pytest.raises(BadLimit, match=words):
        read_domain_rates(rates)


# The table


@pytest.fixture
def acme(db: None) -> Workspace:
    return workspace("Acme")


def keys_of(acme: Workspace, recipient: str = "ada@example.com") -> tuple[Key, ...]:
    return Limits(10, {"gmail.com": 2}).keys(acme.pk, recipient)


def taken(wanted: list[tuple[Key, ...]], now: datetime) -> list[Turn]:
    with transaction.atomic():
        return reserve(wanted, now)


def test_slots_go_on_where_the_last_process_stopped(acme: Workspace) -> None:
    taken([keys_of(acme)] * 5, NOW)
    turn = taken([keys_of(acme)], NOW)[0]
    assert turn == Slot(NOW + LEAD + 5 * interval(10), NOW + LEAD + 5 * interval(10) + JITTER)
    assert Pace.objects.get().last_at == NOW + LEAD + 5 * interval(10)


def test_a_slot_whose_mark_was_rolled_back_was_never_taken(acme: Workspace) -> None:
    taken([keys_of(acme)], NOW)
    with transaction.atomic():
        reserve([keys_of(acme)] * 5, NOW)
        transaction.set_rollback(True)
    assert taken([keys_of(acme)], NOW)[0] == Slot(NOW + LEAD + interval(10), NOW + LEAD + interval(10) + JITTER)


def test_workspaces_do_not_wait_for_each_other(acme: Workspace) -> None:
    other = workspace("Other")
    turns = taken([keys_of(acme), keys_of(other), keys_of(acme, "a@gmail.com"), keys_of(other, "a@gmail.com")], NOW)
    assert turns[0] == turns[1] == Slot(NOW + LEAD, NOW + LEAD + JITTER)
    assert turns[2] == turns[3]
    assert Pace.objects.count() == 4


def test_without_a_limit_nothing_is_asked_of_the_database(acme: Workspace) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert reserve([(), ()], NOW) == [ANY_TIME, ANY_TIME]
        assert not_before([(), ()], NOW) == [NOW, NOW]
        assert crowded({}, NOW) == crowded({}, NOW)
    assert len(asked) == 0
    assert still_good(ANY_TIME, NOW)


def test_looking_ahead_takes_nothing(acme: Workspace) -> None:
    free = [NOW + LEAD + number * interval(10) for number in range(3)]
    assert not_before([keys_of(acme), (), keys_of(acme), keys_of(acme)], NOW) == [free[0], NOW, free[1], free[2]]
    assert Pace.objects.count() == 0
    taken([keys_of(acme)], NOW)
    assert not_before([keys_of(acme)], NOW) == [free[1]]
    assert Pace.objects.get().last_at == free[0]


def test_many_messages_take_as_few_queries_as_one(acme: Workspace) -> None:
    wanted = [keys_of(acme), keys_of(acme, "ada@gmail.com")]
    taken(wanted, NOW)
    counts = set()
    for times in (1, 100):
        with CaptureQueriesContext(connection) as asked, transaction.atomic():
            reserve(wanted * times, NOW + timedelta(hours=times))
        counts.add(len([query for query in asked if "emails_pace" in query["sql"]]))
    assert len(counts) == 1
    assert counts.pop() <= 4


def test_messages_whose_slots_are_given_away_are_not_worth_a_claim(acme: Workspace) -> None:
    loop_of(acme)
    for name in ("ada@example.com", "bob@gmail.com", "eve@mail.gmail.com"):
        happens("newStripeCustomer", contact(acme, name))
    goes_on()
    limits = {acme.pk: Limits(10, {"gmail.com": 2})}

    def claimable() -> set[str]:
        return set(Message.objects.exclude(crowded(limits, NOW)).values_list("to_email", flat=True))

    everybody = {"ada@example.com", "bob@gmail.com", "eve@mail.gmail.com"}
    assert claimable() == everybody
    taken([keys_of(acme, "bob@gmail.com")[1:]] * 4, NOW)
    assert claimable() == everybody - {"bob@gmail.com"}
    taken([keys_of(acme)] * 18, NOW)
    assert claimable() == set()
    limits[acme.pk] = Limits(None, {"gmail.com": 2})
    assert claimable() == everybody - {"bob@gmail.com"}
