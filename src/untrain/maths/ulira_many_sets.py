"""U-LiRA over many base models and many forget sets, aligned by key."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from untrain.maths.likelihood_ratio import FLOOR, Gaussians, calls, log_ratios

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Bases:
    """Models trained on random halves of the training set.

    Args:
        keys: one for each model, no two alike.
        margins: (b, n).
        saw: whether each example was among those it was trained on, bool (b, n).
    """

    keys: Sequence[Hashable]
    margins: Array
    saw: Array


@dataclass(frozen=True, eq=False)
class Unlearned:
    """Models unlearned from base models, each with a forget set of its own.

    Args:
        base: key of the model that each was unlearned from, (u,).
        margins: (u, n).
        forgot: its forget set, bool (u, n).
    """

    base: Sequence[Hashable]
    margins: Array
    forgot: Array


@dataclass(frozen=True, eq=False)
class ManySets:
    """Success of the attack, base model by base model, so that intervals can resample these.

    Args:
        keys: of the base models that have targets, (g,).
        tpr: share of forgotten examples that are called so, mean over the unlearned models of each base, (g,).
        tnr: share of never-seen examples that are called so, (g,).
        used: share of forgotten examples for which there were shadows enough.
    """

    keys: tuple[Hashable, ...]
    tpr: Array
    tnr: Array
    used: float

    @property
    def accuracy(self) -> Array:
        """Balanced accuracy of each base model, (g,); one half where forgetting is perfect."""
        return np.asarray((self.tpr + self.tnr) / 2)


@dataclass(frozen=True)
class Shadows:
    """Settings of the fits.

    Args:
        parts: number of groups of base models; fits to the other groups attack those of one group.
        variance: 'example' or 'global', as for one forget set.
        floor: least standard deviation, in the unit of the margins.
        most: the most shadows of each kind for an example, and as many of one kind as of the other; None for all.
    """

    parts: int = 10
    variance: Literal["example", "global"] = "example"
    floor: float = FLOOR
    most: int | None = 300


def many_sets(unlearned: Unlearned, bases: Bases, shadows: Shadows = Shadows(), block: int = 4096) -> ManySets:
    """Separate forgotten from never-seen examples on unlearned models, by Gaussians over models of other bases.

    For each example x one Gaussian is fitted to the margins of models that forgot x and one to those of base models that never
    saw it. The attack tries a target's forgotten examples, and all examples of any forget set that its base never saw. Targets and
    shadows have no base model in common. Rows are matched by key, never by position.

    Models that forget nothing betray everything:

    >>> saw = np.array([[True, False], [False, True]] * 6)
    >>> margins = np.where(saw, 5.0, 0.0) + np.linspace(0, 1, 12)[:, None]
    >>> many_sets(Unlearned(range(12), margins, forgot=saw), Bases(range(12), margins, saw)).accuracy.min().item()
    1.0

    Raises:
        ValueError: an unlearned model names a base that is not among the keys, or a key comes twice.

    Source: Hayes et al. 2024, arXiv 2403.01218; the plan of the code of arXiv 2410.23232, auditors/ulira.
    Departs: split by base model and aligned by key, where the code splits by unlearned model and pairs rows by position;
        all never-seen examples of the pool count, where the code draws as many as were forgotten; variance floor.
    """
    places = {key: at for at, key in enumerate(bases.keys)}
    if len(places) < len(bases.keys):
        raise ValueError("two base models have the same key")
    strange = [key for key in unlearned.base if key not in places]
    if strange:
        raise ValueError(f"an unlearned model names base {strange[0]!r}, which is not among the base models")
    row = np.array([places[key] for key in unlearned.base], dtype=np.int64)
    fold = np.arange(len(places)) % min(shadows.parts, len(places))
    right, tried = np.zeros((2, len(row))), np.zeros((2, len(row)))
    for part in range(fold.max() + 1):
        mine = np.flatnonzero(fold[row] == part)
        others = fold[row] != part, fold != part
        for start in range(0, unlearned.margins.shape[1], block):
            at = slice(start, start + block)
            pool = unlearned.forgot[:, at].any(0)
            top, bottom, able = _fits(
                (unlearned.margins[others[0], at], unlearned.forgot[others[0], at]),
                (bases.margins[others[1], at], ~bases.saw[others[1], at]),
                shadows,
            )
            called = calls(log_ratios(unlearned.margins[mine, at], np.zeros(len(mine), dtype=np.int64), top, bottom))
            truth = unlearned.forgot[mine, at], ~bases.saw[row[mine], at] & pool
            for side, (which, hit) in enumerate(zip(truth, (called, 1 - called), strict=True)):
                right[side, mine] += (hit * (which & able)).sum(1)
                tried[side, mine] += (which & able).sum(1)
    return _by_base(bases, row, right, tried, float(unlearned.forgot.sum()))


def _fits(ours: tuple[Array, Array], theirs: tuple[Array, Array], shadows: Shadows) -> tuple[Gaussians, Gaussians, Array]:
    """A Gaussian of each kind for each example, and the examples with two shadows of each, bool (n,)."""
    masks = [mask for _, mask in (ours, theirs)]
    if shadows.most is not None:
        equal = np.minimum(np.minimum(masks[0].sum(0), masks[1].sum(0)), shadows.most)
        masks = [mask & (np.cumsum(mask, axis=0) <= equal) for mask in masks]
    able = (masks[0].sum(0) >= 2) & (masks[1].sum(0) >= 2)
    top, bottom = (_masked(x, m, able, shadows) for (x, _), m in zip((ours, theirs), masks, strict=True))
    return top, bottom, able


def _masked(x: Array, mask: Array, able: Array, shadows: Shadows) -> Gaussians:
    """One fit for each example to the models that its column of the mask names, (1, n)."""
    count = np.maximum(mask.sum(0), 1)
    mean = np.where(mask, x, 0.0).sum(0) / count
    square = np.where(mask, (x - mean) ** 2, 0.0).sum(0)
    variance = square / count
    if shadows.variance == "global":
        variance = np.full_like(variance, square[able].sum() / max((count - 1)[able].sum(), 1))
    return Gaussians(mean[None], np.maximum(variance, shadows.floor**2)[None])


def _by_base(bases: Bases, row: Array, right: Array, tried: Array, forgot: float) -> ManySets:
    whole = (tried > 0).all(0)
    rates = right[:, whole] / tried[:, whole]
    targets, group = np.unique(row[whole], return_inverse=True)
    means = [np.bincount(group, rate) / np.bincount(group) for rate in rates] if len(targets) else [np.empty(0), np.empty(0)]
    return ManySets(tuple(bases.keys[int(at)] for at in targets), means[0], means[1], float(tried[0].sum() / forgot))
