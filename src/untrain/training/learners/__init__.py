"""Ways to make a model: one file per learner."""
