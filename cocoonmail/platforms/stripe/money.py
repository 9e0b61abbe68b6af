"""Amounts as Stripe sends them, in the currency's smallest unit, made readable: exactly, and never through a float."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import get_currency_precision

# https://docs.stripe.com/currencies: the zero-decimal list without UGX, which like ISK is sent with two decimals that
# are always 00. ISO 4217 and CLDR say otherwise of ISK, UGX and others, so they must not be asked for the scale.
NO_DECIMALS = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
THREE_DECIMALS = frozenset("BHD JOD KWD OMR TND".split())

# CLDR asks for a blank between a sign that is made of letters and the number ("ISK 5"), which Babel does not write:
# https://unicode.org/reports/tr35/tr35-numbers.html#Currencies
_SPACING = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")

DEFAULT_LOCALE = "en"
LOCALE_MAX = 35  # Characters of a language tag


def code_of(currency: str) -> str:
    """The currency's code as people know it, "" for what is no code."""
    return currency.upper() if len(currency) == 3 and currency.isascii() and currency.isalpha() else ""


def decimals(currency: str) -> int:
    """How many digits of an amount stand behind the decimal point, as Stripe sends it. Unknown codes have two."""
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def scaled(amount: int, currency: str) -> Decimal:
    """The amount in the currency's main unit: 1999 EUR is 19.99."""
    return Decimal(amount).scaleb(-decimals(currency))


@lru_cache(maxsize=4096)
def plain(amount: int, currency: str) -> str:
    """The amount as a decimal number: "19.99", "-5", "5.120"."""
    return f"{scaled(amount, currency):f}"


@lru_cache(maxsize=4096)
def display(amount: int, currency: str, language: str = DEFAULT_LOCALE) -> str:
    """The amount as people write it in a language: "€19.99", "19,99 €".

    The number of decimals shown is the usual one of the currency, unless that would hide a part of the amount.
    """
    value, locale = scaled(amount, currency), locale_of(language)
    if currency not in locale.currencies:
        return f"{value:,f} {currency}".rstrip()
    exact = value == round(value, get_currency_precision(currency))
    pattern = locale.currency_formats["standard"]
    written = str(pattern.apply(value, locale, currency=currency, currency_digits=exact))
    return _SPACING.sub("\xa0", written)


@lru_cache(maxsize=4096)
def day(seconds: int, language: str = DEFAULT_LOCALE) -> str:
    """The day of a moment (UTC) in words: "3 December 2026", "3. Dezember 2026"."""
    date = datetime.fromtimestamp(seconds, UTC).date()
    # Plain English is read everywhere, so the day comes first as it does nearly everywhere.
    return format_date(date, "d MMMM y" if language == DEFAULT_LOCALE else "long", locale=locale_of(language))


@lru_cache(maxsize=512)
def locale_of(language: str) -> Locale:
    """The locale of a language tag such as "pt-BR", English for what is unknown."""
    try:
        return Locale.parse(language[:LOCALE_MAX].replace("-", "_"))
    except (ValueError, TypeError, UnknownLocaleError):
        return Locale.parse(DEFAULT_LOCALE)
