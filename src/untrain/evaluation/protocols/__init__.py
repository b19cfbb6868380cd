"""Protocols: what a model has to meet to pass, how likely a perfect one is to, and what to say of the outcome."""
