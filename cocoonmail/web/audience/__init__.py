"""The audience: the contacts, and each one's page."""
