"""From data and a seed to a model: learners, the one gradient loop, and all that computes gradients."""
