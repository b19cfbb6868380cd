"""Linear regressions with a squared penalty, thousands of targets on the same rows at once."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class RidgeFit(NamedTuple):
    """Weights (n, t), and the strength (t,) of the penalty that each target has."""

    weights: Tensor
    strength: Tensor


def ridge(x: Tensor, y: Tensor, strengths: Tensor) -> RidgeFit:
    """Weights that minimise ``|y - x w|^2 / (2 m) + strength |w|^2 / 2`` of each target, with the best of some strengths.

    Best is the one with the smallest mean squared error on a row by the fit without it, exactly, with no second fit.

    >>> x = torch.tensor([[1.0], [-1.0]])
    >>> ridge(x, 2 * x, torch.tensor([1.0])).weights.tolist()  # 2 / (1 + 1)
    [[1.0]]

    Args:
        x: m rows, columns centred, (m, n).
        y: targets, centred, (m, t).
        strengths: to choose from, each > 0, (k,).

    Source: Hoerl and Kennard 1970; the error without a row is Allen's 1974 PRESS.
    """
    m = len(x)
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    keeps = s > s.max().clamp_min(torch.finfo(s.dtype).tiny) * max(x.shape) * torch.finfo(s.dtype).eps
    u, s, vt = u[:, keeps], s[keeps], vt[keeps]
    along = u.T @ y  # (q, t)
    errors = torch.stack([_error_without_row(u, s, along, y, float(strength) * m) for strength in strengths])
    best = strengths[errors.argmin(0)].to(y)
    return RidgeFit(vt.T @ (s[:, None] * along / (s[:, None] ** 2 + m * best)), best)


def _error_without_row(u: Tensor, s: Tensor, along: Tensor, y: Tensor, penalty: float) -> Tensor:
    """Mean squared error of each target on a row by the fit without the row, (t,)."""
    shrink = s**2 / (s**2 + penalty)
    # Of centred rows the mean is fitted too, which every row holds a share 1 / m of.
    leverage = (u**2) @ shrink + 1 / len(u)
    missed = (y - u @ (shrink[:, None] * along)) / (1 - leverage).clamp_min(1e-6)[:, None]
    return (missed**2).mean(0)
