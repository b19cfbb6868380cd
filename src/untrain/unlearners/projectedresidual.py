"""Steps in the span of the removed rows alone."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from torch import nn

from untrain.core.errors import ModelError, RequestError
from untrain.core.metering import leave_uncounted
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.projected_residual import projected_step
from untrain.models.convex_model import ConvexModel
from untrain.training.convex_change import losses_of
from untrain.training.gradients import put
from untrain.training.keepers.hessianfactor import HessianFactor, KeptFactor
from untrain.training.learners.convex import Convex, placed, weights_for
from untrain.training.problem import Problem
from untrain.unlearners._convex_release import check_made, new_hashes
from untrain.unlearners.base import Unlearner

Array = np.ndarray[Any, Any]
KEPT = HessianFactor.__name__


class ProjectedResidual(Unlearner):
    """Move a convex model by the shortest step that gives removed examples the predictions of a model without them.

    Those predictions come of the leverages of the k examples, and the step lies in the span of their rows: it is the Newton step,
    projected onto that. Of least squares it is retraining in the span, and nothing beyond it: so it falls short where k is small
    beside the number of columns, unless the rows are unlike all others. No example that stays is read. Requests do not go
    on from one another: name all examples in one. Buffers stay, and masks are refused.

    >>> import torch
    >>> from untrain import Examples, Regression, problem
    >>> data = Examples({"x": torch.tensor([[1.0], [2.0], [4.0]]), "y": torch.tensor([1.0, 3.0, 3.0])}, np.arange(3))
    >>> learner = Convex(loss="squared", l2=0.1, form="sum", bias="none", task=Regression(), keepers=(HessianFactor(),))
    >>> model, kept = learner.run(data)
    >>> asked = problem(data, [2], learner, kept=kept)
    >>> unlearned, retrained = ProjectedResidual()(model, asked), learner(asked.retain)
    >>> abs(unlearned.linear.weight - retrained.linear.weight).item() < 1e-12  # one column is all the span there is
    True

    Source: Izzo et al. 2021, arXiv 2002.10077 (projective residual update).
    Departs: leverages are taken of the kept factor, in ``k d^2`` operations, where the paper has the matrix of all n x n of them
        at hand; the rest takes ``k^2 d``. With ``form='mean'`` the penalty stays as large as with the removed examples.
    """

    works_on: ClassVar[type] = ConvexModel
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", f"kept:{KEPT}"})

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Yes: examples without a gradient, or of zeros, leave the weights as they are."""
        return True

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after the step.

        Raises:
            ModelError: it was not made by ``Convex``, is not the one that was kept, or an example decides a weight alone.
            RequestError: the request corrects, or names what was not trained on.
        """
        leave_uncounted("operations of NumPy are not counted, its seconds are")
        learner, kept = problem.recipe, KeptFactor.of(problem.kept[KEPT])
        if not isinstance(learner, Convex):
            raise ModelError("the objective is not known: the model has to be made by Convex()")
        if problem.replacement is not None:
            raise RequestError("leverages are of examples that go, and this request corrects: take Newton()")
        new_hashes(problem, kept.gone, kept.rows)
        gone, state = losses_of(learner, problem.forget, problem.task), kept.state
        weights = weights_for(learner, model, gone)
        if kept.releases:
            raise ModelError("what was kept is of an earlier request: train the model again, and name all that is to go in one")
        check_made(model, gone.rows.intercept, learner, kept, state.weights)
        made = gone.loss.derivatives(gone.rows.scores(gone.folded(weights)), gone.targets)
        try:
            step = projected_step(
                np.stack(list(gone.rows.each())), made.slope, curvatures(gone, made.curvature), state.factor.solve
            )
        except np.linalg.LinAlgError as error:
            raise ModelError(f"{error}, so its leverage is 1: train with a larger l2") from None
        put(model, placed(model, gone, weights + step.ravel()), problem.trainable)
        return model


def curvatures(losses: ConvexObjective, curvature: Array) -> Array:
    """Second derivatives of the losses in their scores, (n, q, q), of what ``Derivatives`` has of them."""
    if curvature.ndim == 1:
        return curvature[:, None, None]
    return np.asarray(curvature[:, :, None] * np.eye(losses.outputs) - curvature[:, :, None] * curvature[:, None, :])
