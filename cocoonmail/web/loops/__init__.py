"""Loops: the list, the builder and the email editor."""
