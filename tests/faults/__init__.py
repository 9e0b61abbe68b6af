"""Faults that are done to real processes: power cuts, crashes of the database, clocks that are wrong, full disks."""
