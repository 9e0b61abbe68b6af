"""Loops as Django knows them."""

from django.apps import AppConfig


class LoopsConfig(AppConfig):
    name = "cocoonmail.loops"
    label = "loops"
