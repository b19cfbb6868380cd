"""argv to commands; the only place that prints or reads the environment."""
