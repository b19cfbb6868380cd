"""Data, learner and request under a name."""
