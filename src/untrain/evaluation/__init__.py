"""From stored outputs to scores with their evidence."""
