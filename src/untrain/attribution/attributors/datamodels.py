"""Datamodels: outputs regressed on which examples a model saw."""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from untrain.attribution.base import Array, Attributor, TrainingEvidence
from untrain.maths.lasso import lasso
from untrain.maths.ridge import ridge

TARGETS = 4096  # outputs that are regressed at a time
# Strengths to choose from, of targets and memberships that have a standard deviation of 1.
LASSO = torch.logspace(0, -2.5, 11)  # shares of the smallest strength at which all weights are 0
RIDGE = torch.logspace(2, -3, 16)


class Datamodels(Attributor):
    """Minimise ``sum over models of (f - w . seen - b)^2 / (2 m) + strength * |w|`` separately for each output f.

    All outputs share one table of memberships, standardized, so that thousands are fitted at once. ``|w|`` is the sum of
    absolute weights of a 'lasso', whose weights of most examples are 0, or half the sum of squares of a 'ridge'. What
    ``MeanDifference`` says of subsets of one fixed size holds here too.

    >>> from untrain.attribution.toy import planted
    >>> evidence, effects = planted()
    >>> values = Datamodels()(evidence)
    >>> bool(abs(values - effects).mean() < abs(effects).mean() / 4)
    True

    Args:
        penalty: 'lasso' or 'ridge'.
        strength: of the penalty where outputs and memberships have a standard deviation of 1; None chooses it for each output:
            a lasso's on models that are held out, a ridge's by the exact error on each model without it.
        held_out: share of the models on which the strength of a lasso is chosen; all models are fitted with it then.
        seed: of the choice of these models.

    Source: Ilyas et al. 2022 (Datamodels), arXiv 2202.00622, section 2.
    Departs: every logit is a target, where the paper has margins; the ridge is ours.
    """

    kept: ClassVar[bool] = True
    penalty: Literal["lasso", "ridge"] = "lasso"
    strength: Annotated[float, Field(gt=0)] | None = None
    held_out: Annotated[float, Field(ge=0.05, le=0.5)] = 0.2
    seed: Annotated[int, Field(ge=0)] = 0

    def attribute(self, evidence: TrainingEvidence, rows: Array, asked_rows: Array) -> Array:
        """The weights, in units of the outputs."""
        outputs, seen = evidence.population()
        classes = outputs.shape[2]
        values = np.empty((len(rows), len(asked_rows) * classes), dtype=np.float32)
        memberships, x_scale = _standardized(torch.from_numpy(np.asarray(seen, dtype=np.float64)))
        x, x_scale, out = memberships.float(), x_scale.float(), torch.from_numpy(self._held_out(seen))
        at_once = max(1, TARGETS // classes)
        for start in range(0, len(asked_rows), at_once):
            part = np.asarray(outputs[:, asked_rows[start : start + at_once]], dtype=np.float64).reshape(len(outputs), -1)
            y, y_scale = _standardized(torch.from_numpy(part))
            weights = self._fit(x, y.float(), out) * y_scale.float() / x_scale[:, None]
            values[:, start * classes : start * classes + part.shape[1]] = weights[rows].numpy()
        return values.reshape(len(rows), len(asked_rows), classes)

    def _fit(self, x: Tensor, y: Tensor, out: Tensor) -> Tensor:
        """Weights (n, t) of standardized memberships (m, n) and outputs (m, t); some models may be held out, bool (m,)."""
        if self.penalty == "ridge":
            return ridge(x, y, RIDGE if self.strength is None else torch.tensor([self.strength])).weights
        strength = self._chosen(x, y, out) if self.strength is None else torch.full((y.shape[1],), self.strength)
        return lasso(x.T @ x / len(x), x.T @ y / len(x), strength)

    def _held_out(self, seen: Array) -> Array:
        """The models on which a strength is chosen, bool (m,): by what they saw, so that their order does not matter."""
        words = [hashlib.sha256(f"{self.seed}".encode() + np.packbits(row).tobytes()).digest() for row in seen]
        out = np.zeros(len(seen), dtype=bool)
        out[sorted(range(len(seen)), key=words.__getitem__)[: max(1, round(self.held_out * len(seen)))]] = True
        return out

    def _chosen(self, x: Tensor, y: Tensor, out: Tensor) -> Tensor:
        """The strength of each output with the smallest error on models that are held out, (t,)."""
        fit = ~out
        centre_x, centre_y = x[fit].mean(0), y[fit].mean(0)
        inside, targets = x[fit] - centre_x, y[fit] - centre_y
        gram, cross = inside.T @ inside / len(inside), inside.T @ targets / len(inside)
        largest = cross.abs().amax(0)
        weights, best, chosen = torch.zeros_like(cross), torch.full_like(largest, torch.inf), largest.clone()
        # Weaker penalties cost more steps, and are not tried for an output after two that did it no good.
        todo, since = torch.arange(len(largest)), torch.zeros(len(largest), dtype=torch.int64)
        for share in LASSO:
            strength = share * largest[todo]
            weights[:, todo] = lasso(gram, cross[:, todo], strength, weights[:, todo], tolerance=1e-3)
            error = ((y[out][:, todo] - centre_y[todo] - (x[out] - centre_x) @ weights[:, todo]) ** 2).mean(0)
            better = error < best[todo]
            chosen[todo] = torch.where(better, strength, chosen[todo])
            best[todo] = torch.minimum(best[todo], error)
            since[todo] = torch.where(better, 0, since[todo] + 1)
            todo = todo[since[todo] < 2]
            if not len(todo):
                break
        return chosen


def _standardized(columns: Tensor) -> tuple[Tensor, Tensor]:
    """Columns with mean 0 and standard deviation 1, and what they were divided by; a column of one value is all 0."""
    centred = columns - columns.mean(0)
    scale = centred.square().mean(0).sqrt()
    constant = scale <= 1e-12 * (1 + columns.abs().amax(0))
    centred[:, constant], scale[constant] = 0.0, 1.0
    return centred / scale, scale
