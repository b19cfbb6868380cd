"""Who does the work and where it is kept."""
