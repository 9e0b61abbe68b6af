"""The systems whose webhooks we understand. This list is the registry: a new one is a folder and a line here."""

from cocoonmail.platforms.stripe import STRIPE

PLATFORMS = {platform.name: platform for platform in (STRIPE,)}

__all__ = ["PLATFORMS"]
