"""Effect of each row on the minimiser of a convex objective: a Newton step without it, exact where losses are quadratic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.design_matrix import PIECE
from untrain.maths.linear_losses import curved
from untrain.maths.newton_models import anchored
from untrain.maths.positive_factor import PositiveFactor

Array = np.ndarray[Any, Any]
AT_ONCE = 64  # rows whose steps are in memory
ALONE = 1e-9  # one less a leverage, below which it is 1


class Without(NamedTuple):
    """Changes without single rows.

    Args:
        weights: steps from the minimiser of all rows to that without each, (b, size).
        scores: by how much they change the row's own scores, (b, k).
    """

    weights: Array
    scores: Array


def leave_one_out(objective: ConvexObjective, weights: Array, rows: Array) -> Iterator[Without]:
    """Steps from the minimiser of all rows to those without one row each, block by block, in the order of ``rows``.

    Each is a Newton step of the objective without the row, and in the form of a mean without the row's share of the penalty. The
    Hessian of all rows is factored once and corrected by Woodbury's identity, so that a step costs two solutions. Of quadratic
    losses it is exact.
    Of ``(w - y)^2 / 2`` for y = 1 and 3 the mean is 2, and without each of the rows it is the other's:

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> ones = DesignMatrix.of(np.array([[1.0], [1.0]]), intercept=False)
    >>> mean = ConvexObjective(ones, np.array([1.0, 3.0]), LinearLoss("squared"))
    >>> next(leave_one_out(mean, np.array([2.0]), np.arange(2))).weights.round(9).tolist()
    [[1.0], [-1.0]]

    Args:
        objective: without an absolute penalty.
        weights: at its minimum, (size,).
        rows: places of the rows that go, one at a time, int64 (r,).

    Raises:
        ValueError: there is an absolute penalty, or a row decides a weight alone, so that there is no minimum without it.
        numpy.linalg.LinAlgError: the Hessian is singular.

    Source: Cook and Weisberg 1982 (ridge); Beirami et al. 2017, and Rad and Maleki 2020, arXiv 1801.10243 (approximations).
    """
    if objective.l1 > 0:
        raise ValueError("with an absolute penalty what one row does is not a smooth step: take l1=0")
    n, k = objective.rows.rows, objective.outputs
    made = objective.loss.derivatives(objective.rows.scores(objective.folded(weights)), objective.targets)
    penalty, held = objective.l2 * objective.penalised, n - 1 if objective.mean else 1
    matrix = (objective.hessian(weights) - np.diag(penalty)) / objective.share + held * np.diag(penalty)
    factor = PositiveFactor.of(anchored(objective, matrix))
    # Of a mean the row's share of the penalty goes too, and at the minimum nothing else is left.
    share = penalty * weights if objective.mean else np.zeros_like(weights)
    left = objective.smooth(weights).slope / objective.share - share
    for at, inputs in _pieces(objective, rows):
        spread = _spread(inputs, k)  # (b, size, k): how scores follow weights
        slopes = np.asarray(made.slope)[at].reshape(len(at), k)
        solved = factor.solve(spread.transpose(1, 0, 2).reshape(len(weights), -1)).reshape(len(weights), len(at), k)
        gradients = left - np.einsum("bsk,bk->bs", spread, slopes)
        steps = _steps(spread, solved.transpose(1, 0, 2), factor.solve(gradients.T).T, np.asarray(made.curvature)[at])
        yield Without(steps, np.einsum("bsk,bs->bk", spread, steps))


def _steps(spread: Array, solved: Array, plain: Array, curvature: Array) -> Array:
    """``-(B - S C S^T)^-1 g`` of each row, by ``B^-1 S`` (b, size, k) and ``B^-1 g`` (b, size)."""
    out = np.empty_like(plain)
    for i, (s, m, p) in enumerate(zip(spread, solved, plain, strict=True)):
        c = curvature[i : i + 1]
        within = np.eye(s.shape[1]) - np.stack([curved(c, column[None])[0] for column in (s.T @ m).T], axis=1)
        if np.linalg.svd(within, compute_uv=False)[-1] < ALONE:
            raise ValueError("a row decides a weight alone, so that there is no minimum without it: raise l2")
        out[i] = -(p + m @ np.linalg.solve(within, curved(c, (s.T @ p)[None])[0]))
    return out


def _spread(inputs: Array, k: int) -> Array:
    """``kron(I_k, x)`` of each row, (b, k * width, k)."""
    b, width = inputs.shape
    out = np.zeros((b, k, width, k))
    for a in range(k):
        out[:, a, :, a] = inputs
    return out.reshape(b, k * width, k)


def _pieces(objective: ConvexObjective, rows: Array) -> Iterator[tuple[Array, Array]]:
    """Some of the rows at a time, and their inputs; all data are read once for as many as a block has, and not for each piece."""
    ahead = max(AT_ONCE, PIECE // (8 * objective.rows.width))
    for first in range(0, len(rows), ahead):
        some = rows[first : first + ahead]
        inputs = _inputs(objective, some)
        for start in range(0, len(some), AT_ONCE):
            piece = slice(start, start + AT_ONCE)
            yield some[piece], inputs[piece]


def _inputs(objective: ConvexObjective, rows: Array) -> Array:
    """Some rows, dense, with their ones, (b, width)."""
    out = np.empty((len(rows), objective.rows.width))
    for span, block in objective.rows.spans():
        inside = (rows >= span.start) & (rows < span.stop)
        if inside.any():
            some = block[rows[inside] - span.start]
            out[inside, : objective.rows.columns] = some.toarray() if hasattr(some, "toarray") else some
    if objective.rows.intercept:
        out[:, -1] = 1.0
    return out
