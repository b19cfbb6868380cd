"""Models and outputs that others made."""
