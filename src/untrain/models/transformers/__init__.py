"""Adapters of Hugging Face transformers."""
