"""The data that a method sees besides the model, in a word."""

from __future__ import annotations

from typing import Literal

KEPT = "kept:"
Access = Literal["retrained models", "retain set", "retain-free", "zero-shot"]
DATA = frozenset({"labels", "valid", "effects"})


def access(needs: frozenset[str]) -> Access:
    """Return what a method sees besides the model and the inputs of the forget set.

    >>> access(frozenset({"forget", "retain"})), access(frozenset({"forget", "labels"})), access(frozenset({"forget"}))
    ('retain set', 'retain-free', 'zero-shot')

    Args:
        needs: all that it needs of a problem, as ``Unlearner.needed`` has it; the role hides the rest.

    Returns:
        'retrained models' where it sees models that were retrained without the forget set, as no method of use may; 'retain set';
        'retain-free' where it sees labels, held-out examples, what was saved in training, or estimated effects, and no example
        that stays; 'zero-shot' where it sees nothing more.
    """
    if "oracles" in needs:
        return "retrained models"
    if "retain" in needs:
        return "retain set"
    return "retain-free" if needs & DATA or any(name.startswith(KEPT) for name in needs) else "zero-shot"
