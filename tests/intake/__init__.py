"""Tests of the door and of what comes in by it."""
