"""Contacts as Django knows them."""

from django.apps import AppConfig


class ContactsConfig(AppConfig):
    name = "cocoonmail.contacts"
    label = "contacts"
