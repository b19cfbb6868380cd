"""Models that learn one example at a time, and can take it back."""
