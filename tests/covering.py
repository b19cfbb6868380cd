"""Sweeps of which a covering part runs by default, and the rest with ``-m slow``."""

import pytest


def thin(values, step: int, at: int = 0) -> list:
    """The values, of which one in ``step`` runs by default, from that at ``at``; the others are slow."""
    return [pytest.param(value, marks=() if n % step == at else pytest.mark.slow) for n, value in enumerate(values)]


def quick(values, *chosen) -> list:
    """The values, of which the chosen ones run by default; the others are slow."""
    assert set(chosen) <= set(values), "what is chosen is among the values"
    return [pytest.param(value, marks=() if value in chosen else pytest.mark.slow) for value in values]
