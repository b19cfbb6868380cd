"""From a scenario and methods to results."""
