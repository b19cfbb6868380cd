"""Executors that do the work, and the store that keeps it."""
