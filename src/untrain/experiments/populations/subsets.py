"""Draws of the training examples that each model of a population sees: the same however many models there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from untrain.core.errors import BadInput, suggest
from untrain.core.seeds import seed_of

Array = np.ndarray[Any, Any]
Scheme = Literal["balanced", "bernoulli"]
BLOCK = 16


@dataclass(frozen=True, eq=False)
class Subsets:
    """The number of models, and how the examples that each sees are drawn.

    The first models of many are the models of few: asking for more adds to what was drawn.

    Args:
        models: number of models.
        fraction: share of the training examples that a model sees, in (0, 1).
        seed: of the draws and, with the number of the model, of its training.
        scheme: 'balanced': within each 16 models every example is seen by the same number and every model sees the same
            number of units; 'bernoulli': each example by the toss of a coin, as the theory of most estimators has it.
        exclude: rows of the training data that no model sees, such as a forget set whose oracles are wanted.
        units: to which unit each row of the training data belongs, (n,), such as a person's id; a model sees the whole of a
            unit or nothing of it. None for each row by itself.
    """

    models: int = 64
    fraction: float = 0.5
    seed: int = 0
    scheme: Scheme = "balanced"
    exclude: Sequence[int] = ()
    units: Any = None


def draw(subsets: Subsets, n: int) -> tuple[Array, Array]:
    """Return whether each model sees each of n training examples, bool (m, n), and the seeds of the models, (m,).

    Raises:
        BadInput: the subsets cannot be drawn.
    """
    excluded, units = _checked(subsets, n)
    free = np.setdiff1d(np.arange(n), excluded)
    kinds, unit = np.unique(units[free], return_inverse=True)
    parts = [_block(subsets, at, len(kinds))[:, unit] for at in range(-(-subsets.models // BLOCK))]
    seen = np.zeros((subsets.models, n), dtype=bool)
    seen[:, free] = np.concatenate(parts)[: subsets.models]
    empty = np.flatnonzero(~seen.any(1))
    if len(empty):
        raise BadInput(f"model {empty[0]} would see no example of {len(free)}: a larger fraction than {subsets.fraction} is needed")
    return seen, np.asarray([seed_of(subsets.seed, "population", at) for at in range(subsets.models)])


def _block(subsets: Subsets, at: int, count: int) -> Array:
    """The units among ``count`` that the at-th 16 models see, bool (16, count)."""
    rng = np.random.default_rng((subsets.seed, at))
    if subsets.scheme == "bernoulli":
        return np.asarray(rng.random((BLOCK, count)) < subsets.fraction)
    share = subsets.fraction * BLOCK
    each = np.full(count, int(share))
    more = round((share - int(share)) * count)
    each[rng.permutation(count)[:more]] += 1  # where 16 models cannot all share alike, some units are seen once more
    ranks = rng.random((BLOCK, count)).argsort(0).argsort(0)
    return _levelled(ranks < each, rng)


def _levelled(seen: Array, rng: np.random.Generator) -> Array:
    """Units handed from models that see too many to models that see too few, until all see the same number, or one more."""
    count = seen.sum(1)
    wanted = np.full(len(count), count.sum() // len(count))
    wanted[np.argsort(-count, kind="stable")[: count.sum() % len(count)]] += 1
    while (count != wanted).any():
        most, least = int((count - wanted).argmax()), int((count - wanted).argmin())
        number = min(count[most] - wanted[most], wanted[least] - count[least])
        moved = rng.permutation(np.flatnonzero(seen[most] & ~seen[least]))[:number]
        seen[most, moved], seen[least, moved] = False, True
        count[most], count[least] = count[most] - number, count[least] + number
    return seen


def _checked(subsets: Subsets, n: int) -> tuple[Array, Array]:
    """Rows to exclude and the unit of each row."""
    for name, least in (("models", 2), ("seed", 0)):
        value = getattr(subsets, name)
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
            raise BadInput(f"{name}={value!r}: a whole number from {least} is needed")
    if isinstance(subsets.fraction, bool) or not isinstance(subsets.fraction, int | float) or not 0 < subsets.fraction < 1:
        raise BadInput(f"fraction={subsets.fraction!r}: a share above 0 and below 1 is needed, such as 0.5")
    if subsets.scheme not in get_args(Scheme):
        known = get_args(Scheme)
        raise BadInput(f"scheme={subsets.scheme!r}{suggest(str(subsets.scheme), known)}: one of {', '.join(known)} is needed")
    rows = np.asarray(subsets.exclude)
    if rows.size and (rows.ndim != 1 or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n):
        raise BadInput(f"exclude holds something other than a row: whole numbers from 0 to {n - 1} are needed")
    if len(np.unique(rows)) == n:
        raise BadInput("exclude names every training example: there is nothing to learn from")
    units = np.arange(n) if subsets.units is None else np.asarray(subsets.units)
    if units.shape != (n,):
        raise BadInput(f"units has shape {units.shape}: one for each of {n} training examples is needed")
    return rows.astype(np.int64), units
