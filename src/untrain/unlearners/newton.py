"""One Newton step on a convex objective without the forget set, or with it corrected."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from untrain.core.errors import ModelError, SpecError
from untrain.core.metering import add_note, leave_uncounted
from untrain.models.convex_model import ConvexModel
from untrain.training.convex_change import ConvexChange, change_of
from untrain.training.gradients import put
from untrain.training.learners.convex import placed
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner

BEYOND = 100  # times the learner's tolerance, up to which a gradient is that of an optimum
ROUNDING = 1e-12


class Newton(Unlearner):
    """Minimise the quadratic model of the objective after the request, ``w - H^-1 G``.

    ``G`` is the gradient of that objective at the model's weights and H its Hessian (``hessian='corrected'``, the Newton step); or
    H is the Hessian before the request and G what the request changes of the gradient ('original', the infinitesimal
    jackknife), which asks for a model at its optimum. With the learner's ``l1`` the model of the smooth part is
    minimised together with the absolute penalty (the proximal step), exactly. Weights that may not move stay fixed, and the step is
    that of the others. It touches no buffers.

    Quadratic losses leave nothing out, so that the step is retraining:

    >>> import numpy as np
    >>> import torch
    >>> from untrain import Convex, Examples, Regression, problem
    >>> data = Examples({"x": torch.tensor([[1.0], [2.0], [4.0]]), "y": torch.tensor([1.0, 3.0, 3.0])}, np.arange(3))
    >>> learner = Convex(loss="squared", l2=0.1, task=Regression())
    >>> asked = problem(data, [2], learner)
    >>> unlearned, retrained = Newton()(learner(data), asked), learner(asked.retain)
    >>> abs(unlearned.linear.weight - retrained.linear.weight).item() < 1e-12
    True

    Args:
        hessian: of the data after the request, or before it; 'rescaled' is 'original' with the step of each example that goes
            divided by one less its leverage, which with ``form='sum'`` makes each alone exact where losses are quadratic: without
            ``l1``, and for requests that remove.

    Source: Suriyakumar and Wilson 2022, arXiv 2209.12269 (jackknife, proximal); Guo et al. 2020, arXiv 1911.03030, and Sekhari et
        al. 2021, arXiv 2103.03279 (Newton step); Warnecke et al. 2023, arXiv 2108.11577 (corrections, second order); Rubinstein
        and Hopkins 2025, Rescaled influence functions.
    Departs: the official scripts of 2209.12269 divide the step by n - m twice more, and add noise to the state of a stream; here
        a step is what its formula says, and noise is for a release.
    """

    works_on: ClassVar[type] = ConvexModel
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    hessian: Literal["corrected", "original", "rescaled"] = "corrected"

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Yes: where examples that go have no gradient, such as those beyond the margin of a hinge, no step is the right one."""
        return True

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after the step.

        Raises:
            ModelError: it was not made by ``Convex``, is not at its optimum, or the Hessian has no inverse.
            SpecError: the step is rescaled and the penalty is absolute.
            RequestError: the step is rescaled and the request corrects.
            NotFinite: inputs or weights are NaN or infinite.
        """
        leave_uncounted("operations of NumPy are not counted, its seconds are")
        change = change_of(model, problem)
        if self.hessian == "rescaled" and change.after.l1 > 0:
            raise SpecError("hessian='rescaled' has no form with l1 > 0: take 'original'")
        self._check_optimum(change, problem)
        weights = change.rescaled() if self.hessian == "rescaled" else change.step(self.hessian)
        before, after = change.here.value, change.after.at(weights).value
        if after > before + ROUNDING * abs(before):
            add_note(f"the objective after the request rose from {before:.4g} to {after:.4g}: too much is gone for one step")
        put(model, placed(model, change.after, weights), problem.trainable)
        return model

    def _check_optimum(self, change: ConvexChange, problem: Problem) -> None:
        """Refuse a model for whose objective the change of the gradient is not all of it."""
        left, allowed = change.gradient_before(), BEYOND * problem.recipe.tolerance  # type: ignore[union-attr]
        if left <= allowed:
            return
        if self.hessian != "corrected":
            raise ModelError(
                f"the model is not at the optimum of {problem.recipe!r}: the gradient has length {left:.1e}; take "
                "hessian='corrected', or take the steps of all requests from the model that was trained, as they add up"
            )
        add_note(f"the model was not at its optimum: the gradient before the request has length {left:.1e}")
