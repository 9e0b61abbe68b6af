"""Why this person did, or did not, get which email: the same account on pages and on the command line."""
