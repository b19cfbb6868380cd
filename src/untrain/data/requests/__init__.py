"""What to forget: one file per way to choose it."""
