"""What all Settings pages show around their own content."""

from __future__ import annotations

from typing import Any

from django.forms import BaseForm

from cocoonmail.web.shared.access import ADMINS
from cocoonmail.web.shared.middleware import MemberRequest

TABS = [
    ("Sender", "/settings"),
    ("Domains", "/settings/domains"),
    ("Transport", "/settings/transport"),
    ("Sending limits", "/settings/limits"),
    ("Retention", "/settings/keeping"),
    ("Members", "/settings/members"),
]
# A page of their own, for it belongs to the person and not to the workspace.
ACCOUNT = ("Your account", "/account/password/change/")


def frame(request: MemberRequest, here: str) -> dict[str, Any]:
    """The tabs, and whether this member may change anything."""
    return {
        "tabs": [{"label": label, "url": to, "here": to == here} for label, to in [*TABS, ACCOUNT]],
        "can_admin": request.member.role in ADMINS,
    }


def for_reading(form: BaseForm, request: MemberRequest) -> BaseForm:
    """The form as this member may use it: whoever may not change it sees its fields locked."""
    for field in form.fields.values():
        field.disabled = field.disabled or request.member.role not in ADMINS
    return form
