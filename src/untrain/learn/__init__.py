"""Data and a seed to a model."""
