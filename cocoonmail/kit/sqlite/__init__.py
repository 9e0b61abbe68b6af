"""The database of one machine."""
