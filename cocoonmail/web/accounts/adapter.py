"""How allauth behaves here: nobody signs up by themselves, people come by a link."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Closed sign-up: the first owner and every member come by a one-time link."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Never."""
        return False
