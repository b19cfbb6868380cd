"""RESTOR: corrupted facts, and whether unlearning brings the right ones back."""
