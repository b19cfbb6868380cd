"""Many models on subsets of the data."""
