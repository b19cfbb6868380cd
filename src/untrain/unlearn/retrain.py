"""Exact unlearning."""

from __future__ import annotations

from torch import nn

from untrain.core.errors import ModelError
from untrain.core.records import Problem
from untrain.core.roles import Unlearner
from untrain.core.steps import Steps
from untrain.unlearn.resetfinetune import ResetFinetune


class Retrain(Unlearner):
    """Repeat the learner's recipe on the retain set, from a fresh initialisation.

    Under a mask only what it holds is reset and trained. Without one, batch-norm buffers start afresh as well.

    Source: the definition of exact unlearning, e.g. Bourtoule et al. 2021.
    """

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The retrained model.

        Raises:
            ModelError: the problem names no recipe.
        """
        if problem.recipe is None:
            raise ModelError("Retrain repeats the learner's recipe, and this Problem names none: give Problem(recipe=Train(...))")
        if problem.mask is None:
            return problem.recipe(problem.retain, problem.seed)
        steps = getattr(problem.recipe, "steps", None)
        if not isinstance(steps, Steps):
            raise ModelError(f"{type(problem.recipe).__name__} has no steps to repeat under a mask")
        return ResetFinetune(steps=steps).unlearn(model, problem)
