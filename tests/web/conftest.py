"""The people that tests of pages know."""

from tests.people import acme, alice, bob, everybody, mallory, vera

__all__ = ["acme", "alice", "bob", "everybody", "mallory", "vera"]
