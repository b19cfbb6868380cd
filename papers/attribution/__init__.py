"""How well attributions predict retrained models."""
