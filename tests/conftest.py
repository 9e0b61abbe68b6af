"""What tests share."""

from __future__ import annotations

import pytest

from cocoonmail.emails import signing


@pytest.fixture(autouse=True)
def no_keys_remembered() -> None:
    """Each test has a database of its own, in which the workspaces have the same ids again."""
    signing._rings.clear()
