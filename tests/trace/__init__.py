"""Promises of the trace: why somebody did, or did not, get an email."""
