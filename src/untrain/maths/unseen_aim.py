"""The area that a model which never saw some rows would have beside unseen ones, by how difficult they are to another model."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from untrain.maths.roc import placements
from untrain.maths.unseen_likeness import EVEN, Likeness

Array = np.ndarray[Any, Any]
NONE = 1 / 6  # mean squared difference of the ranks of two models that do not agree at all


class Aim(NamedTuple):
    """The expected area of ``Likeness`` for a model that never saw the rows.

    Args:
        area: expected.
        error: standard error by which the area of such a model may be off.
        agreement: correlation of the ranks that the two models give unseen rows; NaN where one half is taken for granted.
    """

    area: float
    error: float
    agreement: float = math.nan

    @property
    def granted(self) -> bool:
        """Return whether one half is taken for granted."""
        return math.isnan(self.agreement)

    def within(self, most: float) -> float:
        """The distance from it that an area may have: ``most``, or one standard error where that is larger.

        >>> Aim(0.5, 0.08).within(0.05)
        0.08
        """
        return max(most, self.error)

    def met(self, alike: Likeness, most: float) -> bool:
        """Return whether an area is near enough.

        >>> alike = Likeness(0.57, 0.05, 0.0, 0.1, 30)
        >>> Aim(0.6, 0.03).met(alike, 0.05), Aim(0.5, 0.03).met(alike, 0.05)
        (True, False)
        """
        return alike.compared > 0 and abs(alike.area - self.area) <= self.within(most)


def even_aim(alike: Likeness) -> Aim:
    """One half, taken for granted: the aim where forgotten rows are as difficult as unseen ones of their classes.

    >>> even_aim(Likeness(0.3, 0.05, -0.9, 0.1, 40))[:2]
    (0.5, 0.05)
    """
    return Aim(EVEN, alike.error)


def difficulty_aim(forgotten: Array, unseen: Array, losses: Array, forgotten_classes: Array, unseen_classes: Array) -> Aim:
    """Expect the area that another model has, which saw neither kind of rows.

    Losses become ranks among the unseen rows of a class. The aim is the mean rank of the forgotten rows by the other model: their
    area, with classes weighted as among them. Its error shows on unseen rows, which neither model has seen: each has a rank r by
    the other model and u by the model in question. With k_c forgotten and m_c unseen rows of class c and ``w_c = k_c / k``, the
    squared error is ``s * sum of w_c^2 (k_c + m_c + 1) / (k_c m_c)``, the form of ``likeness``, where s is the sum of ``(u - r)^2``
    over all unseen rows by that of ``m_c - 1 / m_c`` over classes: 1/6 for models that do not agree at all, as of a single row per
    class, and about ``(1 - agreement) / 6`` for others. It takes for granted that the two models differ on forgotten rows as they
    do on unseen ones.

    The mean rank is not drawn towards one half by the agreement, as a regression of u on r would: a model trained in full without
    the rows has by its mean rank the area that is looked for, however little two such models agree on single rows. Of a model to
    which rows are noisier than to one trained in full, the mean rank lies nearer to one half by itself, which no error here shows.

    >>> hard = np.arange(50.0, 100.0)  # both models agree; the forgotten rows are the more difficult half
    >>> aim = difficulty_aim(hard, np.arange(100.0), np.arange(100.0), np.zeros(50), np.zeros(100))
    >>> round(aim.area, 3), aim.error, round(aim.agreement, 3)
    (0.75, 0.0, 1.0)

    Rows of a class without an unseen row are left out; with none left every number is NaN.

    Args:
        forgotten: losses of forgotten rows by the other model, (k,).
        unseen: losses of unseen rows by the other model, (m,).
        losses: of unseen rows by the model in question, (m,).
        forgotten_classes: (k,).
        unseen_classes: (m,).

    Source: of this package; papers/forget has the experiments.
    """
    r, u = np.empty(len(unseen)), np.empty(len(unseen))
    ranks, freedom, spread = np.full(len(forgotten), math.nan), 0.0, 0.0
    for each in np.unique(unseen_classes):
        here, there = unseen_classes == each, forgotten_classes == each
        r[here], u[here] = placements(unseen[here], unseen[here]), placements(losses[here], losses[here])
        ranks[there] = placements(forgotten[there], unseen[here])
        k, m = int(there.sum()), int(here.sum())
        freedom += m - 1 / m
        spread += k * (k + m + 1) / m
    ranks = ranks[~np.isnan(ranks)]
    if not len(ranks):
        return Aim(math.nan, math.nan)
    apart = float(((u - r) ** 2).sum()) / freedom if freedom else NONE
    constant = np.ptp(r) == 0 or np.ptp(u) == 0
    return Aim(float(ranks.mean()), math.sqrt(apart * spread) / len(ranks), 0.0 if constant else float(np.corrcoef(r, u)[0, 1]))
