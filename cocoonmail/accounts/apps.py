"""Accounts as Django knows them."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class AccountsConfig(AppConfig):
    name = "cocoonmail.accounts"
    label = "accounts"

    def ready(self) -> None:
        """Have walls between the workspaces of whichever database there is."""
        from cocoonmail.accounts import walls

        connection_created.connect(walls.greet)
        post_migrate.connect(walls.build)
