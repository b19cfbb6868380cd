"""Exact unlearning."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from untrain.core.errors import ModelError
from untrain.models.state import same
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.unlearners.base import Unlearner
from untrain.unlearners.resetfinetune import ResetFinetune


class Retrain(Unlearner):
    """Repeat the learner's recipe on the retain set, from a fresh initialisation.

    Under a mask it resets and trains only the masked weights, and leaves alone those that were frozen after training.
    Without either, batch-norm buffers start afresh as well.

    Source: the definition of exact unlearning, e.g. Bourtoule et al. 2021.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels"})

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The retrained model.

        Raises:
            ModelError: the problem names no recipe.
        """
        if problem.recipe is None:
            raise ModelError("Retrain repeats the learner's recipe, and this Problem names none: give Problem(recipe=Train(...))")
        if problem.mask is None and self._freezes(model, problem):
            return problem.recipe(problem.rest, problem.seed)
        steps = getattr(problem.recipe, "steps", None)
        if not isinstance(steps, Steps):
            raise ModelError(f"{type(problem.recipe).__name__} has no steps to repeat under a mask")
        return ResetFinetune(steps=steps).unlearn(model, problem)

    def _freezes(self, model: nn.Module, problem: Problem) -> bool:
        """True if the recipe freezes the same parameters at the same values as the model, so that repeating it spares them."""
        frozen = {n: p for n, p in model.named_parameters() if not p.requires_grad}
        if not frozen or problem.init is None:
            return not frozen
        initial = dict(problem.init(problem.seed).named_parameters())
        return all(n in initial and not initial[n].requires_grad and same(initial[n], p) for n, p in frozen.items())
