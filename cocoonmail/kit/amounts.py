"""How much room something takes, in words."""

from __future__ import annotations

UNITS = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))  # The greatest first; of bytes


def amount(size: int) -> str:
    """A number of bytes, in the unit that fits: "312 bytes", "45.1 kB", "1,204.0 GB"."""
    for unit, worth in UNITS:
        if size >= worth:
            return f"{size / worth:,.1f} {unit}"
    return f"{size} bytes"
