"""The watch as Django knows it."""

from django.apps import AppConfig


class WatchConfig(AppConfig):
    name = "cocoonmail.watch"
    label = "watch"
