"""Faults planted before training."""
