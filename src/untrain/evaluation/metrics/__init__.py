"""Scores of outputs that are no attacks."""
