"""Examples with stable ids."""
