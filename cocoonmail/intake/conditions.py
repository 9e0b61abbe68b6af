"""An endpoint's condition per event type: keeps a platform account that serves several products out of the audience.

Its JSON form, every key optional and all of them required to hold: {"mode": "live", "products": ["prod_…"],
"prices": ["price_…"], "metadata": {"app": "acme"}, "amount_min": 100, "currency": "EUR"}. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cocoonmail.contacts.changes import Facts


class BadCondition(ValueError):
    """A condition does not have its JSON form. The message says what is wrong."""


def unmet(condition: Mapping[str, Any], facts: Facts) -> str:
    """What keeps the condition from holding, in words; "" when it holds."""
    complaints = (CHECKS[name](wanted, facts) for name, wanted in condition.items() if name in CHECKS)
    return next((complaint for complaint in complaints if complaint), "")


def read_condition(form: Any) -> dict[str, Any]:
    """A condition from outside, checked. Raises BadCondition."""
    if not isinstance(form, dict):
        raise BadCondition("A condition is a mapping, such as {mode: live}.")
    for name, value in form.items():
        if name not in FORMS:
            raise BadCondition(f"A condition has no “{name}”; it knows {', '.join(FORMS)}.")
        if not FORMS[name][0](value):
            raise BadCondition(f"“{name}” must be {FORMS[name][1]}.")
    return form


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one for one in value)


def _is_metadata(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(isinstance(one, str) for one in [*value, *value.values()])


FORMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "mode": (lambda value: value in ("live", "test"), "live or test"),
    "products": (_is_texts, "a list of product ids"),
    "prices": (_is_texts, "a list of price ids"),
    "metadata": (_is_metadata, "a mapping of texts"),
    "amount_min": (lambda value: type(value) is int and value >= 0, "a whole number of the smallest currency unit"),
    "currency": (lambda value: isinstance(value, str) and len(value) == 3, "a currency code such as EUR"),
}


def _mode(wanted: str, facts: Facts) -> str:
    return "" if facts.livemode == (wanted == "live") else f"only {wanted} mode is wanted"


def _products(wanted: list[str], facts: Facts) -> str:
    return "" if facts.products & set(wanted) else f"it is about none of the products {', '.join(wanted)}"


def _prices(wanted: list[str], facts: Facts) -> str:
    return "" if facts.prices & set(wanted) else f"it is about none of the prices {', '.join(wanted)}"


def _metadata(wanted: dict[str, str], facts: Facts) -> str:
    missing = [f"{name}={value}" for name, value in wanted.items() if facts.metadata.get(name) != value]
    return f"its metadata lacks {', '.join(missing)}" if missing else ""


def _amount_min(wanted: int, facts: Facts) -> str:
    return "" if facts.amount is not None and facts.amount >= wanted else f"its amount is below {wanted}"


def _currency(wanted: str, facts: Facts) -> str:
    return "" if facts.currency.upper() == wanted.upper() else f"its currency is not {wanted.upper()}"


CHECKS: Mapping[str, Callable[[Any, Facts], str]] = {
    "mode": _mode,
    "products": _products,
    "prices": _prices,
    "metadata": _metadata,
    "amount_min": _amount_min,
    "currency": _currency,
}
