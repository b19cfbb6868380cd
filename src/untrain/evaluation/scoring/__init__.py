"""From tables to values, intervals, tests and words."""
