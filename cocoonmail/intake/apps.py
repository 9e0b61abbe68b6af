"""Intake as Django knows them."""

from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "cocoonmail.intake"
    label = "intake"
