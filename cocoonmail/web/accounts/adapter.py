"""How allauth behaves here: nobody signs up by themselves, people come by a link; links in mail have our address."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from cocoonmail.web.accounts.reset import reset_url


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Closed sign-up: the first owner and every member come by a one-time link."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """The link in a reset's mail. Its host comes from the settings, never from the request's Host header."""
        return reset_url(key)
