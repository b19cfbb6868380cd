"""Models to arrays; the last to hold a model."""
