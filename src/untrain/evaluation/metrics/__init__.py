"""Scores of outputs that are not attacks."""
