"""Which parameters hold the forget set."""
