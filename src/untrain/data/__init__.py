"""Examples with stable ids, and what to forget of them."""
