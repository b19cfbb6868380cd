"""TRAK: kernel regression on randomly projected gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from untrain.attribution.base import Array, Attributor, Needs, TrainingEvidence
from untrain.core.errors import DataError, ModelError
from untrain.core.fields import Count, NonNegative
from untrain.data.examples import Batch, Examples
from untrain.maths.random_projection import project
from untrain.models.inference import predict
from untrain.models.tasks.base import Task
from untrain.training.gradients import ROOM, movable, of_examples


class TRAK(Attributor):
    """``phi_c(z)^T (Phi^T Phi + lambda I)^-1 phi_i (1 - p_i)``, averaged over models, where phi is a projected gradient.

    ``phi_i`` is of a training example's margin, with the probability ``p_i`` of its label; ``phi_c(z)`` of logit c of a queried
    example. The inverse is taken as it is, so that values are in units of logits; the linear model behind them still
    misses their scale, so fit multipliers (``calibration.fit_multipliers``) before they correct anything. As in the source, the
    mean over models of the part without ``1 - p_i`` is multiplied with the mean of ``1 - p_i``.

    Args:
        dimension: of the projection; a model with no more parameters than that is not projected.
        damping: lambda, as a share of the mean of the diagonal of ``Phi^T Phi``.
        seed: of the projection, which is the same for all models.

    Source: Park et al. 2023, arXiv 2303.14186, section 3; scores of MadryLab/trak@35f8446 with
        BasicSingleBlockScoreComputer.
    Departs: signs instead of normal numbers in the projection; damping, which the source has not and with which fewer examples than
        dimensions do not make the matrix singular, its default the best of 0.001 to 10 by the rank correlation with held-out models
        of 200 Fashion-MNIST images; gradients of each logit of a queried example, where the source has margins.
    """

    needs: ClassVar[Needs] = "models"
    scaled: ClassVar[bool] = False
    dimension: Count = 2048
    damping: NonNegative = 1.0
    seed: Annotated[int, Field(ge=0)] = 0

    def attribute(self, evidence: TrainingEvidence, rows: Array, asked_rows: Array) -> Array:
        """The scores, class by class."""
        task, train = evidence.task, evidence.train
        if "logits" not in task.outputs:
            raise ModelError(
                f"TRAK needs logits, of which margins are made; {type(task).__name__} stores {', '.join(task.outputs)}"
            )
        kernels: Array | float = 0.0
        doubts: Array | float = 0.0
        for model in evidence.models:
            solved = self._solved(self._features(model, _Output(task), train, np.arange(len(train))), rows)
            logits = predict(model, train, task)["logits"][None]
            doubts = doubts + (1 - task.signal({"logits": logits}, train.y[:].cpu().numpy(), "confidence")[0, rows])
            parts = [
                (solved @ self._features(model, _Output(task, column), evidence.asked, asked_rows).T).cpu().numpy()
                for column in range(logits.shape[2])
            ]
            kernels = kernels + np.stack(parts, axis=2)
        return np.asarray(kernels * np.asarray(doubts)[:, None, None] / len(evidence.models) ** 2)

    def _features(self, model: nn.Module, output: _Output, examples: Examples, rows: Array) -> Tensor:
        """Projected gradients of an output, (rows, k)."""
        return torch.cat([
            vectors if vectors.shape[1] <= self.dimension else project(vectors, self.dimension, self.seed)
            for vectors in _gradients(model, output, examples, rows)
        ])  # fmt: skip

    def _solved(self, features: Tensor, rows: Array) -> Tensor:
        """Features of some rows times the inverse of the damped matrix of all, (rows, k).

        Raises:
            DataError: it is singular.
        """
        wide = features.double()
        gram = wide.T @ wide
        gram.diagonal().add_(self.damping * gram.diagonal().mean())
        values = torch.linalg.eigvalsh(gram)
        if not float(values[0]) > float(values[-1]) * len(gram) * torch.finfo(gram.dtype).eps:
            n, k = features.shape
            raise DataError(
                f"the {k} x {k} matrix of the gradients of {n} training examples is singular with damping={self.damping:g}: take a "
                f"damping above 0, such as 1, or a dimension well below {n}"
            )
        solved: Tensor = torch.linalg.solve(gram, wide[torch.from_numpy(rows).to(wide.device)].T)
        return solved.T.to(features)


class _Output:
    """A task whose loss is an output of the model: the margin of the label, or one logit."""

    def __init__(self, task: Task, column: int | None = None):
        self.task, self.column = task, column

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """The output of each example, (b,)."""
        logits = self.task.forward(model, batch)
        if self.column is not None:
            return logits[:, self.column]
        label = batch.y[:, None]
        others = logits.scatter(1, label, -torch.inf)
        return logits.gather(1, label)[:, 0] - others.logsumexp(1)


def _gradients(model: nn.Module, output: _Output, examples: Examples, rows: Array) -> Iterator[Tensor]:
    """Gradients of single examples as vectors, (b, p): as many at a time as there is room for."""
    held: list[Tensor] = []
    for grads in of_examples(model, output, [examples], rows, movable(model, None)):  # type: ignore[arg-type]
        held.append(torch.cat([g.flatten(1) for g in grads], 1))
        if sum(part.numel() * part.element_size() for part in held) >= ROOM:
            yield torch.cat(held)
            held = []
    if held:
        yield torch.cat(held)
