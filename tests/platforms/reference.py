"""Where recorded webhooks and signature vectors lie, on machines that have them beside the checkout."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
SHARED = CHECKOUT.parent / "shared" / "stripe"
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the recorded payloads are not on this machine")


def recorded() -> list[Path]:
    """Every recorded event body."""
    return [path for path in sorted((SHARED / "payloads").glob("*.json")) if path.name != "index.json"]


def event(path: Path) -> dict[str, Any]:
    """A recorded event, with an id of its own in place of the ones that are placeholders and not Stripe's."""
    found: dict[str, Any] = json.loads(path.read_text())
    if not found["id"].startswith("evt_"):
        found["id"] = f"evt_{sha256(path.name.encode()).hexdigest()[:24]}"
    return found
