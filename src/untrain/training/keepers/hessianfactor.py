"""The factor of a convex model's Hessian, which removals go on from one after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.data.examples import Examples
from untrain.maths.convex_optimum import DENSE
from untrain.maths.online_removal import RemovalState, removal_state
from untrain.maths.positive_factor import PositiveFactor
from untrain.models.convex_model import ConvexModel
from untrain.training.keepers.base import Keeper, Trainer
from untrain.training.keepers.trained_on import decoded, encoded, sorted_hashes, spelling
from untrain.training.learners.convex import Convex, weights_of

Array = np.ndarray[Any, Any]
COUNTS = 6  # whole numbers that are kept


class HessianFactor(Keeper):
    """Save the Cholesky factor of a convex model's Hessian at its optimum, (size, size), and whatever else a removal needs.

    With it the m-th removal takes O(size^2) operations and reads no example that stays. It is of models that ``Convex`` made
    without ``l1``, of 4,096 weights at most. It holds the weights without noise: keep it as secret as the data.

    Source: Suriyakumar and Wilson 2022, arXiv 2209.12269 (stored statistics T(S)).
    """

    works_on = ConvexModel

    def keep(self, model: nn.Module, examples: Examples, learner: Trainer) -> Mapping[str, Tensor]:
        """The tensors of ``KeptFactor``.

        Raises:
            ModelError: the learner is not ``Convex``, has an absolute penalty or too many weights, or the Hessian is singular.
        """
        if not isinstance(learner, Convex):
            raise ModelError("the objective is not known: the model has to be made by Convex()")
        if learner.l1 > 0:
            raise ModelError(
                f"with l1={learner.l1:g} a removal has to find its support in the data, and no factor is kept: take l1=0"
            )
        objective = learner.objective(examples)
        if objective.size > DENSE:
            raise ModelError(f"the factor of {objective.size:,} weights is not kept: {DENSE:,} are the most")
        weights = weights_of(model, objective.rows.intercept)
        try:
            state = removal_state(objective, weights)
        except np.linalg.LinAlgError as error:
            raise ModelError(f"the Hessian has no factor ({error}): train with l2 > 0") from None
        gradient = float(np.linalg.norm(objective.at(weights).slope))
        rows = sorted_hashes(examples)
        return KeptFactor(state, objective.rows.largest_norm(), gradient, learner=spelling(learner), rows=rows).tensors()


@dataclass(frozen=True, eq=False)
class KeptFactor:
    """The saved state of ``HessianFactor``, and what removals leave of it for the next one.

    Args:
        state: of the removals so far.
        longest: norm of the longest training row, its one for an intercept included.
        gradient: length of the gradient of the objective of all data at the kept weights.
        spent: squared distances of the releases since then, in standard deviations of their noise, added up.
        releases: how many there were.
        gone: hashes of what was removed or got other values, int64 (m,), so that nothing goes twice.
        learner: its spelling.
        rows: hashes of what was trained on and of what came in its place, int64 (n,), so that nothing else goes.
    """

    state: RemovalState
    longest: float
    gradient: float
    spent: float = 0.0
    releases: int = 0
    gone: Tensor = torch.zeros(0, dtype=torch.int64)
    learner: str = ""
    rows: Tensor = torch.zeros(0, dtype=torch.int64)

    @staticmethod
    def of(tensors: Mapping[str, Tensor]) -> KeptFactor:
        """Of what ``tensors`` made.

        Raises:
            ModelError: they are of another keeper, or of another version.
        """
        if set(tensors) != _NAMES:
            raise ModelError("what was kept is not a HessianFactor of this version: train the model again")
        arrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
        if len(arrays["counts"]) != COUNTS:
            raise ModelError("what was kept is not a HessianFactor of this version: train the model again")
        longest, gradient, spent, rcond = (float(v) for v in arrays["measures"])
        mean, original, examples, removed, releases, corrected = (int(v) for v in arrays["counts"])
        factor = PositiveFactor(arrays["lower"], arrays["scale"], rcond)
        state = RemovalState(
            arrays["weights"], factor, arrays["slopes"], arrays["held"], bool(mean), examples, removed,
            "original" if original else "corrected", corrected,
        )  # fmt: skip
        gone, rows = tensors["gone"].cpu(), tensors["rows"].cpu()
        return KeptFactor(state, longest, gradient, spent, releases, gone, decoded(tensors["learner"]), rows)

    def tensors(self) -> dict[str, Tensor]:
        """Tensors by name, float64 and int64."""
        state, factor = self.state, self.state.factor
        counts = (state.mean, state.data == "original", state.examples, state.removed, self.releases, state.corrected)
        measures = (self.longest, self.gradient, self.spent, factor.reciprocal_condition)
        arrays = {
            "weights": state.weights, "lower": factor.lower, "scale": factor.scale, "slopes": state.gone, "held": state.held,
            "measures": np.array(measures), "counts": np.array(counts, dtype=np.int64),
        }  # fmt: skip
        return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()} | {
            "gone": self.gone, "rows": self.rows, "learner": encoded(self.learner),
        }  # fmt: skip

    def charged(self, state: RemovalState, gone: Tensor, spent: float, come: Tensor | None = None) -> KeptFactor:
        """After one more request and its release; ``come`` are hashes of what came instead of what went."""
        rows = self.rows if come is None else torch.cat([self.rows, come]).sort().values
        return replace(
            self, state=state, gone=torch.cat([self.gone, gone]), rows=rows, spent=spent, releases=self.releases + 1
        )  # fmt: skip


_NAMES = {"learner", "rows", "weights", "lower", "scale", "slopes", "held", "measures", "counts", "gone"}
