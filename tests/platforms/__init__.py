"""Tests of what other people's webhooks mean."""
