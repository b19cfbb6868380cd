"""The model without the forget set."""
