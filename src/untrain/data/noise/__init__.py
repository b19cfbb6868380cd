"""What goes wrong with data before training."""
