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

    Under a mask only what it holds is reset and trained, and what was frozen after training stays. Without either,
    batch-norm buffers start afresh as well.

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
        """Whether the recipe freezes what is frozen in the model, at the same values, so that repeating it keeps to the rest."""
        frozen = {n: p for n, p in model.named_parameters() if not p.requires_grad}
        if not frozen or problem.init is None:
            return not frozen
        made = dict(problem.init(problem.seed).named_parameters())
        return all(n in made and not made[n].requires_grad and same(made[n], p) for n, p in frozen.items())
