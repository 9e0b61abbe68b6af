"""Cocoonmail: a webhook comes in, the right email goes out, once."""
