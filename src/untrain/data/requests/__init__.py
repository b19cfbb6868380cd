"""Requests: what to forget, one file per way to choose it."""
