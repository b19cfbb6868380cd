"""Linear regressions with an absolute penalty, thousands of targets on the same columns at once."""

from __future__ import annotations

import torch
from torch import Tensor

LOOK = 10  # steps between two looks at which targets are done
EXACT = 4096  # columns up to which the largest eigenvalue is computed exactly


def lasso(
    gram: Tensor, cross: Tensor, strength: Tensor, start: Tensor | None = None, tolerance: float = 1e-4, steps: int = 5_000
) -> Tensor:
    """Weights (n, t) that minimise ``w^T gram w / 2 - cross^T w + strength |w|_1`` of each of t targets.

    With columns X (m, n) and targets Y (m, t), all centred, ``gram = X^T X / m`` and ``cross = X^T Y / m`` give what
    scikit-learn's ``Lasso(alpha=strength)`` fits.

    >>> gram, cross = torch.eye(2), torch.tensor([[3.0], [0.5]])
    >>> lasso(gram, cross, torch.tensor([1.0])).tolist()  # where columns are orthogonal, each weight is moved to 0 by the strength
    [[2.0], [0.0]]

    Args:
        gram: (n, n).
        cross: (n, t).
        strength: of the penalty, >= 0, (t,).
        start: weights to begin with, (n, t); None for 0.
        tolerance: how far the optimum's condition on the gradient may be missed, as a share of a target's largest ``cross``.
        steps: at most so many.

    Source: Beck and Teboulle 2009 (FISTA), with the gradient restarts of O'Donoghue and Candes 2015, arXiv 1204.3982.
    """
    weights = torch.zeros_like(cross) if start is None else start.clone()
    length = _largest_eigenvalue(gram)
    if length == 0:
        return weights
    allowed = tolerance * cross.abs().amax(0).clamp_min(torch.finfo(cross.dtype).tiny)
    todo = torch.arange(cross.shape[1], device=cross.device)
    now, ahead = weights.clone(), weights.clone()
    pace = torch.ones(cross.shape[1], dtype=cross.dtype, device=cross.device)
    c, s = cross, strength.to(cross)
    for step in range(steps):
        if step % LOOK == 0:
            open_targets = violation(gram, c, s, now) > allowed[todo]
            weights[:, todo] = now
            if not bool(open_targets.any()):
                break
            todo, now, ahead, pace = todo[open_targets], now[:, open_targets], ahead[:, open_targets], pace[open_targets]
            c, s = c[:, open_targets], s[open_targets]
        moved = ahead - (gram @ ahead - c) / length
        new = moved.sign() * (moved.abs() - s / length).clamp_min(0)
        # Momentum that points uphill is dropped, target by target.
        pace = torch.where(((ahead - new) * (new - now)).sum(0) > 0, torch.ones_like(pace), pace)
        faster = (1 + (1 + 4 * pace**2).sqrt()) / 2
        ahead = new + (pace - 1) / faster * (new - now)
        now, pace = new, faster
    weights[:, todo] = now
    return weights


def violation(gram: Tensor, cross: Tensor, strength: Tensor, weights: Tensor) -> Tensor:
    """The amounts by which weights (n, t) miss the condition of an optimum of ``lasso``, (t,): 0 at the optimum.

    >>> violation(torch.eye(2), torch.tensor([[3.0], [0.5]]), torch.tensor([1.0]), torch.tensor([[2.0], [0.0]])).tolist()
    [0.0]
    """
    pull = cross - gram @ weights
    off = torch.where(weights == 0, (pull.abs() - strength).clamp_min(0), (pull - strength * weights.sign()).abs())
    return off.amax(0)


def _largest_eigenvalue(gram: Tensor) -> float:
    """Not less than the largest eigenvalue, and not much more."""
    if len(gram) <= EXACT:
        return float(torch.linalg.eigvalsh(gram)[-1]) * (1 + 1e-5)
    vector = gram.sum(1)
    for _ in range(50):
        vector = gram @ (vector / vector.norm().clamp_min(torch.finfo(gram.dtype).tiny))
    return float(vector.norm()) * 1.05
