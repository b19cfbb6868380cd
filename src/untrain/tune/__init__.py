"""Which values of its fields suit a method: a search on validation data."""
