"""Loggers, which take events of a run to files and trackers: one file per kind of log, none of whose libraries is required."""
