"""Links with which people choose a new password: they work once, for an hour."""

from __future__ import annotations

from allauth.account import app_settings
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.urls import reverse

from cocoonmail.accounts.models import User


def reset_link(user: User) -> str:
    """A fresh link for this person, to be passed on by whoever runs the server."""
    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    return reset_url(f"{user_pk_to_url_str(user)}-{token}")


def reset_url(key: str) -> str:
    """The address of the page for a key of the form `user-token`."""
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
    return f"{settings.BASE_URL}{path.replace('UID-KEY', key)}"
