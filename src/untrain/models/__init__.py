"""Networks, and how to run a model."""
