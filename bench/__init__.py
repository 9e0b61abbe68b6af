"""Measurements: each starts what it needs on loopback, checks the result, then prints its speed beside its limit."""
