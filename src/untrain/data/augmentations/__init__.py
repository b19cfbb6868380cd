"""Changes made each time an example is seen."""
