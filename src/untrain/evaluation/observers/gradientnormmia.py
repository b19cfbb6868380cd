"""Membership by how far an example would still move the model."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from untrain.data.examples import Examples, batch_of
from untrain.evaluation.base import Array, Curve, Measured, Prepared, ScoreInfo
from untrain.evaluation.observers._membership import area, area_info, curve
from untrain.evaluation.observers.base import Observer, ObserverContext


class GradientNormMIA(Observer):
    """Attack by the length of the loss's gradient, forget against test examples: what was learned moves a model little.

    Source: Wang et al. 2024, arXiv 2402.17012 (Pandora's white-box; norm of the gradient of each example), as in the code
        locuslab/open-unlearning@d3d7cf9.
    """

    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "mia_gradnorm_auc": area_info("shorter gradient of its loss", "one number for all weights: large layers decide it")
    }

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Minus the logarithm of the length of the gradient of each forget and then of each test example, (n,)."""
        copy = deepcopy(model).requires_grad_(True)
        return np.concatenate([_lengths(copy, examples, sight) for examples in (sight.forget, sight.test)])

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """The area under the ROC curve."""
        return {"mia_gradnorm_auc": area(trial)}

    def curves(self, trial: Prepared) -> Mapping[str, Curve]:
        """The ROC curve, model by model."""
        return curve("mia_gradnorm", "Length of the gradient", trial)


def _lengths(model: nn.Module, examples: Examples, sight: ObserverContext) -> Array:
    weights = list(model.parameters())
    device, found = weights[0].device, np.empty(len(examples))
    for at in range(len(examples)):
        loss = sight.task.loss(model, batch_of(examples, np.array([at]), device)).sum()
        parts = torch.autograd.grad(loss, weights, allow_unused=True)
        square = sum(float(part.double().square().sum()) for part in parts if part is not None)
        found[at] = -0.5 * np.log(max(square, 1e-60))  # a logarithm: nothing is too short to be told from what is shorter
    return found
