"""Populations of models: pairs of a subset and a seed in, answers out."""
