"""Accounts as Django knows them."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "cocoonmail.accounts"
    label = "accounts"
