"""TOFU on a small language model trained here."""
