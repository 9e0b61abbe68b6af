"""Where recorded webhooks and signature vectors lie, on machines that have them beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SHARED = CHECKOUT.parent / "shared" / "stripe"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the recorded payloads are not on this machine")


def recorded() -> list[Path]:
    """Every recorded event body."""
    return [path for path in sorted((SHARED / "payloads").glob("*.json")) if path.name != "index.json"]
