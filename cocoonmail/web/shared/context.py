"""What the frame around every page shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def shell(request: HttpRequest) -> dict[str, Any]:
    """The reader's workspace and role, and whether its mail is captured."""
    workspace = getattr(request, "workspace", None)
    return {
        "workspace": workspace,
        "member": getattr(request, "member", None),
        "captures": workspace is not None and not workspace.transport_sealed,
    }
