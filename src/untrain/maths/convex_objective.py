"""Convex objectives of linear models: a loss on scores, squared and absolute penalties, a linear term."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from untrain.maths.absolute_penalty import shortest_subgradient
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.linear_losses import LinearLoss, curved
from untrain.maths.newton import Local

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class ConvexObjective:
    """``(sum loss + b^T w) / n + l2 / 2 |w|^2 + l1 |w|_1``; where losses are added up and not averaged, without the ``/ n``.

    A mean has penalties that shrink with the data: each row carries its share. A sum has the same penalties however many rows
    there are. Weights are flat, (k * width,), of k scores one after the other, the intercept last in each.

    >>> rows = DesignMatrix.of(np.array([[1.0], [1.0]]), intercept=False)
    >>> ridge = ConvexObjective(rows, np.array([1.0, 3.0]), LinearLoss("squared"), l2=1.0)
    >>> ridge.at(np.array([1.0])).slope.tolist(), ridge.hessian(np.array([1.0])).tolist()  # 1 - 2 + 1, and 1 + 1
    ([0.0], [[2.0]])

    Args:
        rows: inputs, n of them.
        targets: (n,): signs, labels or numbers, as the loss has them.
        loss: of the scores.
        outputs: k, the number of scores.
        l2: weight of the squared penalty, >= 0.
        l1: weight of the absolute penalty, >= 0.
        mean: whether the losses are averaged, or added up.
        penalised_intercept: whether penalties hold for intercepts as well.
        tilt: b, (k * width,), of a training with objective perturbation; None for 0.
    """

    rows: DesignMatrix
    targets: Array
    loss: LinearLoss
    outputs: int = 1
    l2: float = 0.0
    l1: float = 0.0
    mean: bool = True
    penalised_intercept: bool = False
    tilt: Array | None = None

    @property
    def size(self) -> int:
        """Number of weights."""
        return self.outputs * self.rows.width

    @property
    def share(self) -> float:
        """Weight of the loss of one row."""
        return 1 / self.rows.rows if self.mean else 1.0

    @cached_property
    def penalised(self) -> Array:
        """1 for weights with penalties, 0 for others, (k * width,)."""
        mask = np.ones((self.outputs, self.rows.width))
        if self.rows.intercept and not self.penalised_intercept:
            mask[:, -1] = 0.0
        return mask.ravel()

    @property
    def strengths(self) -> Array:
        """Weights of the absolute penalty, (k * width,)."""
        return self.l1 * self.penalised

    def folded(self, weights: Array) -> Array:
        """Weights by score, (k, width)."""
        return weights.reshape(self.outputs, self.rows.width)

    def smooth(self, weights: Array) -> Local:
        """Value and gradient of all but the absolute penalty."""
        made = self.loss.derivatives(self.rows.scores(self.folded(weights)), self.targets)
        value, gradient = float(made.value.sum()), self.rows.combined(made.slope).ravel()
        if self.tilt is not None:
            value, gradient = value + float(self.tilt @ weights), gradient + self.tilt
        held = self.penalised * weights
        return Local(value * self.share + self.l2 / 2 * float(held @ held), gradient * self.share + self.l2 * held)

    def at(self, weights: Array) -> Local:
        """Value and gradient; with an absolute penalty, the shortest subgradient."""
        part = self.smooth(weights)
        if self.l1 == 0:
            return part
        value = part.value + float(self.strengths @ np.abs(weights))
        return Local(value, shortest_subgradient(weights, part.slope, self.strengths), part.slope)

    def curvature(self, weights: Array) -> Array:
        """Second derivatives of the loss, as ``Derivatives`` has them."""
        return self.loss.derivatives(self.rows.scores(self.folded(weights)), self.targets).curvature

    def hessian(self, weights: Array) -> Array:
        """Second derivative of the smooth part, (size, size)."""
        p, k = self.rows.width, self.outputs
        curvature = self.curvature(weights)
        out = np.zeros((k, p, k, p))
        if curvature.ndim == 1:
            out[0, :, 0, :] = self.rows.grams(curvature[:, None])[0]
        else:
            for a in range(k):
                pairs = -curvature[:, a, None] * curvature[:, : a + 1]
                pairs[:, a] += curvature[:, a]
                for b, gram in enumerate(self.rows.grams(pairs)):
                    out[a, :, b, :] = out[b, :, a, :] = gram
        matrix = out.reshape(self.size, self.size) * self.share
        matrix[np.diag_indices_from(matrix)] += self.l2 * self.penalised
        return np.asarray(matrix)

    def hessian_halves(self, weights: Array) -> Array:
        """C with ``C C^T`` the sum of the Hessians of the rows' losses, (size, n) of one score, (size, n * k) of k.

        >>> rows = DesignMatrix.of(np.array([[1.0, 2.0]]), intercept=False)
        >>> ConvexObjective(rows, np.array([5.0]), LinearLoss("squared", scale=0.5)).hessian_halves(np.zeros(2)).tolist()
        [[2.0], [4.0]]
        """
        columns = [np.zeros((self.size, 0))]
        for x, curvature in zip(self.rows.each(), self.curvature(weights), strict=True):
            if np.ndim(curvature) == 0:
                columns.append(math.sqrt(curvature) * x[:, None])
            else:  # diag(p) - p p^T = F F^T with F = diag(s) - p s^T and s^2 = p, as s^T s = 1
                root = np.sqrt(curvature)
                columns.append(np.kron(np.diag(root) - np.outer(curvature, root), x[:, None]))
        return np.concatenate(columns, axis=1)

    def hessian_times(self, weights: Array) -> Callable[[Array], Array]:
        """v -> second derivative of the smooth part, times v, (size,); each call reads the rows once."""
        curvature = self.curvature(weights)

        def times(v: Array) -> Array:
            product = self.rows.through(lambda rows, scores: curved(curvature[rows], scores), self.folded(v))
            return np.asarray(product.ravel() * self.share + self.l2 * self.penalised * v)

        return times

    def sampled(self, every: int) -> ConvexObjective:
        """The objective of each ``every``-th row, whose Hessian is about that of all."""
        # Of a sum it is a share, so that penalties have to be the same share.
        l2 = self.l2 if self.mean else self.l2 / every
        return replace(self, rows=self.rows.sampled(every), targets=self.targets[::every], l2=l2)

    def diagonal(self, weights: Array) -> Array:
        """Diagonal of ``hessian``, (size,)."""
        curvature = self.curvature(weights)
        factors = curvature[:, None] if curvature.ndim == 1 else curvature * (1 - curvature)
        squares = self.rows.squares(factors)
        return np.asarray(squares.ravel() * self.share + self.l2 * self.penalised)
