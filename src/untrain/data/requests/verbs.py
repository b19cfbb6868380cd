"""Verbs of a request, each in one place: it may be somebody's code, which leaves the process as it was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from untrain.core.errors import RequestError
from untrain.core.foreign import foreign
from untrain.data.examples import Examples
from untrain.data.requests.base import Ensemble, Request


def drawn(by: Request, train: Examples) -> np.ndarray[Any, Any]:
    """Rows that a request draws, as it gives them."""
    with foreign(by, draws=True):
        return np.asarray(by.draw(train))


def named(by: Request, examples: Examples) -> np.ndarray[Any, Any]:
    """Rows that must not be set apart before training."""
    with foreign(by, draws=True):
        return np.asarray(by.named(examples))


def replaced(by: Request, train: Examples, rows: np.ndarray[Any, Any]) -> Examples | None:
    """Examples that replace rows; None where they are deleted."""
    with foreign(by, draws=True):
        return by.replacement(train, rows)


def everywhere(by: Request, parts: Iterable[Examples], replacement: Examples | None) -> tuple[Examples, ...]:
    """Held-out examples after a request, part by part."""
    with foreign(by, draws=True):
        return tuple(by.everywhere(examples, replacement) for examples in parts)


def covered(by: Request, held_out: Examples) -> np.ndarray[Any, Any] | None:
    """Return whether each held-out example is of the kind to forget; None where a request names training examples alone.

    Raises:
        RequestError: the request gives something else.
    """
    with foreign(by, draws=True):
        found = by.covers(held_out)
    if found is None:
        return None
    found = np.asarray(found)
    if found.dtype != bool or found.shape != (len(held_out),):
        raise RequestError(
            f"covers() of {by!r} gave {found.dtype} of shape {found.shape}: give bool of shape ({len(held_out)},), or None"
        )
    return found


def ensemble_of(by: Request) -> Ensemble | None:
    """Models to train before a request can be drawn; None where the data are enough."""
    with foreign(by, draws=True):
        return by.ensemble()
