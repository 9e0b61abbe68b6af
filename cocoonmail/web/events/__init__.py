"""Events: their names, and the log of what happened."""
