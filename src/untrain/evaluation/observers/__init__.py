"""Scores that need the model itself."""
