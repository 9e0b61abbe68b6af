"""Amounts and days, as Stripe sends them and as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cocoonmail.platforms.stripe.money import code_of, day, display, plain

# https://docs.stripe.com/currencies: what Stripe writes as `amount`, and what it means.
AMOUNTS = [
    (1999, "EUR", "19.99", "€19.99"),
    (2000, "USD", "20.00", "$20.00"),
    (0, "USD", "0.00", "$0.00"),
    (-500, "USD", "-5.00", "-$5.00"),
    (5, "USD", "0.05", "$0.05"),
    (123456789, "USD", "1234567.89", "$1,234,567.89"),
    (500, "JPY", "500", "¥500"),
    (9990, "CLP", "9990", "CLP\u00a09,990"),
    (250000, "VND", "250000", "₫250,000"),
    (1000, "XOF", "1000", "F\u202fCFA\u00a01,000"),
    (1000, "BHD", "1.000", "BHD\u00a01.000"),
    (5120, "KWD", "5.120", "KWD\u00a05.120"),
    # Two decimals at Stripe, none for people: ISK and UGX always end in 00.
    (50000, "ISK", "500.00", "ISK\u00a0500"),
    (500000, "UGX", "5000.00", "UGX\u00a05,000"),
    (399900, "HUF", "3999.00", "HUF\u00a03,999.00"),
    (30000, "TWD", "300.00", "NT$300.00"),
    # Codes that nobody knows, and none at all.
    (1000, "XTS", "10.00", "XTS\u00a010.00"),
    (1000, "QQQ", "10.00", "10.00 QQQ"),
    (1000, "", "10.00", "10.00"),
]


@pytest.mark.parametrize(("amount", "currency", "decimal", "written"), AMOUNTS)
def test_an_amount_is_scaled_as_stripe_means_it_and_written_as_people_do(
    amount: int, currency: str, decimal: str, written: str
) -> None:
    assert plain(amount, currency) == decimal
    assert display(amount, currency) == written


LANGUAGES = [
    ("de", "19,99\u00a0€"),
    ("de-AT", "€\u00a019,99"),
    ("fr", "19,99\u00a0€"),
    ("en-GB", "€19.99"),
    ("pt-BR", "€\u00a019,99"),
    ("nl", "€\u00a019,99"),
]


@pytest.mark.parametrize(("language", "written"), LANGUAGES)
def test_an_amount_is_written_in_the_persons_language(language: str, written: str) -> None:
    assert display(1999, "EUR", language) == written


@pytest.mark.parametrize(
    "language", ["", "auto", "xx-YY", "e" * 500, "\x00", "🦋", "en_US_POSIX_x", "-", "zh-TW", "nb"]
)
def test_any_language_is_taken_and_unknown_ones_are_english(language: str) -> None:
    assert "19" in display(1999, "EUR", language)
    assert "2026" in day(1_796_256_000, language)


def test_a_part_of_a_unit_is_never_hidden_by_the_usual_way_to_write_it() -> None:
    assert "5.50" in display(550, "ISK")


def test_a_day_is_written_in_words() -> None:
    assert day(1_796_256_000) == "3 December 2026"
    assert day(1_796_256_000, "de") == "3. Dezember 2026"


def test_a_day_is_the_day_in_utc() -> None:
    assert day(1_796_255_999) == "2 December 2026"


@pytest.mark.parametrize(
    ("written", "code"), [("eur", "EUR"), ("EUR", "EUR"), ("", ""), ("euro", ""), ("€uro"[:3], "")]
)
def test_a_currency_is_three_letters_or_none(written: str, code: str) -> None:
    assert code_of(written) == code


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**15), 10**15), st.sampled_from(["EUR", "JPY", "KWD", "ISK", "XTS", ""]))
def test_no_amount_loses_anything_on_its_way_to_a_decimal(amount: int, currency: str) -> None:
    digits = {"JPY": 0, "KWD": 3}.get(currency, 2)
    assert Decimal(plain(amount, currency)) * 10**digits == amount


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**15), 10**15), st.text(max_size=4), st.text(max_size=12))
def test_no_amount_currency_or_language_crashes_the_display(amount: int, currency: str, language: str) -> None:
    assert display(amount, code_of(currency), language)
