"""Networks, and how a model is asked."""
