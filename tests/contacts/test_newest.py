"""Which claim about a field is the newest."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from cocoonmail.contacts.changes import Claim, Rank
from cocoonmail.contacts.newest import merge, winner

Told = tuple[Claim, int, Rank, str]


def told_in(order: tuple[Told, ...]) -> tuple[str, bool]:
    held = None
    for claim, at, rank, event_id in order:
        held = merge(held, claim, at, rank, event_id)
    assert held is not None
    return winner(held)


def ends(news: list[Told]) -> set[tuple[str, bool]]:
    return {told_in(order) for order in permutations(news)}


def test_the_newest_second_wins_in_every_order() -> None:
    news = [
        (Claim("Ada"), 100, Rank.CREATED, "evt_1"),
        (Claim("Ada L", "Ada"), 200, Rank.UPDATED, "evt_2"),
        (Claim("Ada Lovelace", "Ada L"), 300, Rank.UPDATED, "evt_3"),
        (Claim("A. Lovelace"), 250, Rank.COPY, "evt_4"),
    ]
    assert ends(news) == {("Ada Lovelace", True)}


def test_within_one_second_an_update_is_newer_than_the_creation() -> None:
    news = [(Claim("a@x.test"), 100, Rank.CREATED, "evt_9"), (Claim("b@x.test"), 100, Rank.UPDATED, "evt_1")]
    assert ends(news) == {("b@x.test", True)}


def test_within_one_second_previous_values_order_a_chain_of_updates() -> None:
    news = [
        (Claim("B", "A"), 100, Rank.UPDATED, "evt_3"),
        (Claim("C", "B"), 100, Rank.UPDATED, "evt_1"),
        (Claim("D", "C"), 100, Rank.UPDATED, "evt_2"),
    ]
    assert ends(news) == {("D", True)}


def test_an_update_of_another_field_in_the_same_second_does_not_confuse() -> None:
    news = [(Claim("B", "A"), 100, Rank.UPDATED, "evt_1"), (Claim("B"), 100, Rank.UPDATED, "evt_2")]
    assert ends(news) == {("B", True)}


def test_a_tie_without_evidence_ends_the_same_in_every_order_and_is_flagged() -> None:
    news = [(Claim("A"), 100, Rank.UPDATED, "evt_1"), (Claim("B"), 100, Rank.UPDATED, "evt_2")]
    assert ends(news) == {("B", False)}


def test_the_same_news_twice_is_the_same_as_once() -> None:
    once = merge(None, Claim("A", ""), 100, Rank.UPDATED, "evt_1")
    assert merge(once, Claim("A", ""), 100, Rank.UPDATED, "evt_1") == once


VALUES = st.sampled_from(["A", "B", "C", "D"])
NEWS = st.lists(
    st.tuples(
        st.builds(Claim, VALUES, st.none() | VALUES | st.just("")),
        st.integers(100, 102),
        st.sampled_from(Rank),
        st.sampled_from([f"evt_{n}" for n in range(9)]),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(NEWS)
def test_any_news_end_the_same_in_every_order(news: list[Told]) -> None:
    assert len(ends(news)) == 1
