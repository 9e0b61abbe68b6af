"""Emails as Django knows them."""

from django.apps import AppConfig


class EmailsConfig(AppConfig):
    name = "cocoonmail.emails"
    label = "emails"
