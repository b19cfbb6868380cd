"""Attributors: which training examples made a model as it is, one file per attributor."""
