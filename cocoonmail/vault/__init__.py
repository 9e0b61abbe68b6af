"""An installation as a whole: backed up into one file, restored from it, moved to another database."""
