"""Numbers to one self-contained page."""
