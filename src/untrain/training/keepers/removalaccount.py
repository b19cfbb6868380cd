"""The account that certified removals which read the retain set carry from one request to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.data.examples import Examples
from untrain.maths.perturbed_removal import StepResidual
from untrain.models.convex_model import ConvexModel
from untrain.training.keepers.base import Keeper, Trainer
from untrain.training.keepers.trained_on import decoded, encoded, sorted_hashes, spelling
from untrain.training.learners.convex import Convex, weights_of
from untrain.training.learners.perturbedconvex import PerturbedConvex

Array = np.ndarray[Any, Any]


class RemovalAccount(Keeper):
    """Save a convex model's weights without noise, and an empty account of removals.

    That is a few numbers for each weight, and eight bytes of each row. It is of models that ``Convex`` or ``PerturbedConvex`` made
    without ``l1``. The weights are without noise: keep them secret as the data.

    Source: the secret state of Neel, Roth and Sharifi-Malvajerdi 2020, arXiv 2007.02923.
    """

    works_on = ConvexModel

    def keep(self, model: nn.Module, examples: Examples, learner: Trainer) -> Mapping[str, Tensor]:
        """The tensors of ``KeptAccount``.

        Raises:
            ModelError: the learner is another one, or has an absolute penalty.
        """
        by = convex_of(learner)
        if by.l1 > 0:
            raise ModelError(f"with l1={by.l1:g} a removal has to find its support in the data: take l1=0")
        objective = by.objective(examples)
        weights = weights_of(model, objective.rows.intercept)
        # Which perturbation there was is not known here; the learner itself refuses what is not at its optimum.
        gradient = 0.0 if isinstance(learner, PerturbedConvex) else float(np.linalg.norm(objective.at(weights).slope))
        return KeptAccount(
            weights, examples=len(examples), longest=objective.rows.largest_norm(), gradient=gradient,
            learner=spelling(learner), rows=sorted_hashes(examples),  # type: ignore[arg-type]
        ).tensors()  # fmt: skip


def convex_of(learner: Any) -> Convex:
    """The convex learner whose objective, without a perturbation, is a model's.

    Raises:
        ModelError: the learner is another one.
    """
    by = learner.by if isinstance(learner, PerturbedConvex) else learner
    if not isinstance(by, Convex):
        raise ModelError("the objective is not known: the model has to be made by Convex() or PerturbedConvex()")
    return by


@dataclass(frozen=True, eq=False)
class KeptAccount:
    """The saved state of ``RemovalAccount``, and what requests make of it.

    Args:
        weights: without noise, (size,).
        examples: number at training.
        longest: norm of the longest training row, its one for an intercept included.
        gradient: length of the objective's gradient at the weights at training; 0 where a perturbation hides it.
        removed: number of examples that went.
        releases: since training.
        spent: squared distances of the releases, in standard deviations of their noise, added up.
        away: how far the weights are from the optimum at most.
        residual: of Newton steps under a perturbation.
        measured: its length by these data.
        gone: hashes of what was removed, int64 (m,), so that nothing is removed twice.
        learner: its spelling.
        rows: hashes of what was trained on, int64 (n,), so that nothing else is removed, and nothing else stays.
    """

    weights: Array
    examples: int = 0
    longest: float = 0.0
    gradient: float = 0.0
    removed: int = 0
    releases: int = 0
    spent: float = 0.0
    away: float = 0.0
    residual: StepResidual = StepResidual()
    measured: float = 0.0
    gone: Tensor = torch.zeros(0, dtype=torch.int64)
    learner: str = ""
    rows: Tensor = torch.zeros(0, dtype=torch.int64)

    @staticmethod
    def of(tensors: Mapping[str, Tensor]) -> KeptAccount:
        """Of what ``tensors`` made.

        Raises:
            ModelError: they are of another keeper, or of another version.
        """
        if set(tensors) != NAMES or len(tensors["measures"]) != len(MEASURES) + 4:
            raise ModelError("what was kept is not a RemovalAccount of this version: train the model again")
        arrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
        counts = {name: int(value) for name, value in zip(COUNTS, arrays["counts"], strict=True)}
        count = len(MEASURES)
        measures = {name: float(value) for name, value in zip(MEASURES, arrays["measures"][:count], strict=True)}
        residual = StepResidual(*(float(value) for value in arrays["measures"][count:]))
        gone, learner, rows = tensors["gone"].cpu(), decoded(tensors["learner"]), tensors["rows"].cpu()
        return KeptAccount(
            arrays["weights"], **counts, **measures, residual=residual, gone=gone, learner=learner, rows=rows  # type: ignore[arg-type]
        )  # fmt: skip

    def tensors(self) -> dict[str, Tensor]:
        """Tensors by name, float64 and int64."""
        counts = np.array([getattr(self, name) for name in COUNTS], dtype=np.int64)
        measures = np.array([*(getattr(self, name) for name in MEASURES), *astuple(self.residual)], dtype=np.float64)
        arrays = {"weights": np.ascontiguousarray(self.weights), "counts": counts, "measures": measures}
        return {name: torch.from_numpy(array) for name, array in arrays.items()} | {
            "gone": self.gone, "learner": encoded(self.learner), "rows": self.rows,
        }  # fmt: skip

    def after(self, weights: Array, hashes: Tensor, **changed: Any) -> KeptAccount:
        """After one more request and its release."""
        gone, removed = torch.cat([self.gone, hashes]), self.removed + len(hashes)
        return replace(self, weights=weights, gone=gone, removed=removed, releases=self.releases + 1, **changed)


NAMES = {"weights", "counts", "measures", "gone", "learner", "rows"}
COUNTS = ("examples", "removed", "releases")
MEASURES = ("longest", "gradient", "spent", "away", "measured")
