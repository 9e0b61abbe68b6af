"""First and last name out of what Stripe knows, which is one text."""

from __future__ import annotations

from typing import NamedTuple

from cocoonmail.platforms.stripe.shape import Shape, told

NAME_MAX = 255  # Characters of a first or last name


class Name(NamedTuple):
    """A person's name in two, "" for what is not known."""

    first: str = ""
    last: str = ""


def name_of(shape: Shape) -> Name:
    """The name of the person behind a customer (or a checkout's customer_details).

    `individual_name` is the person where it is given. A `name` that is the `business_name`, which Stripe fills in by
    itself, names no person: https://docs.stripe.com/changelog/clover/2025-09-30/customer-business-individual-names.
    """
    if person := told(shape, "individual_name"):
        return split(person)
    name = told(shape, "name")
    return Name() if name == told(shape, "business_name") else split(name)


def split(name: str) -> Name:
    """The first word and the rest, blanks in between collapsed; a single name is a first name."""
    first, _, last = " ".join(name.split()).partition(" ")
    return Name(first[:NAME_MAX], last[:NAME_MAX])
