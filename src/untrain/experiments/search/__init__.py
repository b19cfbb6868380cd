"""Values for a method's fields, chosen on validation data."""
