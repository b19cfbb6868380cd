"""One Newton step on a convex objective without the forget set, or with it corrected."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from untrain.core.errors import SpecError
from untrain.core.metering import add_note, leave_uncounted
from untrain.models.convex_model import ConvexModel
from untrain.training.convex_change import change_of
from untrain.training.gradients import put
from untrain.training.learners.convex import placed
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner


class Newton(Unlearner):
    """Minimise the quadratic model of the objective after the request, ``w - H^-1 G``.

    ``G`` is what the request changes of the gradient at the model's weights, examples that take the place of others included, and
    H the Hessian of the objective on the data after the request (``hessian='corrected'``, the Newton step) or before it
    ('original', the infinitesimal jackknife). With the learner's ``l1`` the model of the smooth part is minimised together with
    the absolute penalty (the proximal step), exactly. Models have no batch-norm buffers.

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
        hessian: of the data after the request, or before it.
        rescale: divide the step of each example that goes by one less its leverage, which makes each alone exact where losses are
            quadratic; of the original Hessian, without ``l1`` and for requests that remove.

    Source: Suriyakumar and Wilson 2022, arXiv 2209.12269 (jackknife, proximal); Guo et al. 2020, arXiv 1911.03030, and Sekhari et
        al. 2021, arXiv 2103.03279 (Newton step); Warnecke et al. 2023, arXiv 2108.11577 (corrections, second order); Rubinstein
        and Hopkins 2025, Rescaled influence functions.
    Departs: the official scripts of 2209.12269 divide the step by n - m twice more, and add noise to the state of a stream; here
        a step is what its formula says, and noise is for a release.
    """

    works_on: ClassVar[type] = ConvexModel
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    hessian: Literal["corrected", "original"] = "corrected"
    rescale: bool = False

    def __post_init__(self) -> None:
        if self.rescale and self.hessian != "original":
            raise SpecError("rescale=True is of the original Hessian: add hessian='original'")

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after the step.

        Raises:
            ModelError: it was not made by ``Convex``, or the Hessian has no inverse.
            SpecError: a rescaled step is asked for with an absolute penalty.
            RequestError: a rescaled step is asked for with a request that corrects.
            NotFinite: inputs or weights are NaN or infinite.
        """
        leave_uncounted("operations of NumPy are not counted, its seconds are")
        change = change_of(model, problem)
        if self.rescale and change.after.l1 > 0:
            raise SpecError("rescale=True has no form with l1 > 0: leave it out")
        add_note(f"the gradient before the request has length {change.gradient_before():.1e}")
        weights = change.rescaled() if self.rescale else change.step(self.hessian)
        put(model, placed(model, change.after, weights), problem.trainable)
        return model
