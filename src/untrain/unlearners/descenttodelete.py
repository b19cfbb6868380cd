"""Gradient descent on what stays, from the optimum before, released with noise."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field
from torch import nn

from untrain.core.errors import ModelError, RequestError, SpecError
from untrain.core.fields import Count, Positive
from untrain.core.metering import leave_uncounted
from untrain.core.search_space import SearchHint
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.descent_bounds import Descent, distances, rounding_share
from untrain.maths.gaussian_accountant import GaussianAccountant
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.removal_bounds import capacity
from untrain.models.convex_model import ConvexModel
from untrain.training.convex_change import losses_of
from untrain.training.gradients import put
from untrain.training.keepers.removalaccount import KeptAccount, RemovalAccount
from untrain.training.learners.convex import Convex, placed
from untrain.training.problem import Problem
from untrain.unlearners._convex_release import (
    PROVIDED,
    check_left,
    check_made,
    check_request,
    check_stays,
    drawn,
    failing,
    new_hashes,
    spent_message,
)
from untrain.unlearners.base import Unlearner
from untrain.unlearners.guarantee import Certificate, Guarantee, Release

Array = np.ndarray[Any, Any]
KEPT = RemovalAccount.__name__


class DescentToDelete(Unlearner):
    """Some steps of gradient descent on the retain set, from the stored weights without noise; a release adds noise.

    Each step leaves a share of the distance to the optimum that the penalty and the radius decide, so the noise falls geometrically
    with ``iterations``, and what earlier requests left adds up to a bounded sum. Losses need no third derivative. An accountant
    adds up what releases spend, and a request that would spend more is refused: then retrain. Buffers stay, and masks are refused.

    >>> import torch
    >>> from untrain import Examples, problem
    >>> x = torch.linspace(-1, 1, 1000, dtype=torch.float64)[:, None]
    >>> data = Examples.labelled(x, (x[:, 0] > 0).long(), np.arange(1000), 2)
    >>> learner = Convex(l2=0.1, bias="none", tuned=False, keepers=(RemovalAccount(),))
    >>> model, kept = learner.run(data)
    >>> outcome = DescentToDelete(iterations=20).run(model, problem(data, [7], learner, kept=kept, seed=2**60 + 1))
    >>> round(outcome.certificate.guarantee.epsilon, 6), outcome.certificate.std < 1e-5
    (1.0, True)

    Args:
        epsilon: of all releases since training together, nats.
        delta: of all of them.
        radius: largest norm that a row of inputs can have, with its 1 where there is a bias: known beforehand, not of the data.
        iterations: steps for each request; None for as many as bring it as near to the optimum as the learner's tolerance is.
        removals: number of examples of a request for which the noise is sized; None for as many as this one has.
        releases: number of such requests that spend the budget together.

    Source: Neel, Roth and Sharifi-Malvajerdi 2020, arXiv 2007.02923, section 3 (perturbed gradient descent, with a secret state);
        Balle and Wang 2018, arXiv 1805.06530 (noise).
    Departs: training ends at the optimum, so that the distance to retraining is that of one descent and not of two; noise is of the
        analytic Gaussian mechanism; there is no projection onto a ball, since a gradient at the optimum is bounded without one;
        rounding is part of the bound.
    """

    works_on: ClassVar[type] = ConvexModel
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", f"kept:{KEPT}"})

    epsilon: Annotated[Positive, SearchHint(0.1, 10, log=True, asked=True)] = 1.0
    delta: Annotated[float, Field(gt=0, lt=1), SearchHint(1e-8, 1e-2, log=True, asked=True)] = 1e-5
    radius: Annotated[Positive, SearchHint(0.1, 10, log=True, asked=True)] = 1.0
    iterations: Annotated[Count, SearchHint(1, 10_000, log=True, asked=True)] | None = 100
    removals: Count | None = None
    releases: Annotated[Count, SearchHint(1, 1000, log=True, asked=True)] = 1

    def unlearn(self, model: nn.Module, problem: Problem) -> Release:
        """The release.

        Raises:
            ModelError: the model was not made by ``Convex``, weights are frozen, or what is kept is of another one.
            SpecError: no bound is known of the learner's loss or penalty.
            RequestError: the request corrects, repeats a removal, names what was not trained on, or would spend more than the
                budget; or what stays is not the rest of what was trained on.
            NotFinite: the descent left for infinity, as where weights have no penalty.
        """
        leave_uncounted("operations of NumPy are not counted, its seconds are")
        learner, kept = problem.recipe, KeptAccount.of(problem.kept[KEPT])
        if not isinstance(learner, Convex):
            raise ModelError("the objective is not known: the model has to be made by Convex()")
        check_request(model, problem)
        hashes, gone = new_hashes(problem, kept.gone, kept.rows), losses_of(learner, problem.forget, problem.task)
        check_made(model, gone.rows.intercept, learner, kept, kept.weights)
        check_stays(problem, kept, hashes)
        count, m, n = len(hashes), kept.removed + len(hashes), kept.examples
        sized = self.removals or count
        check_left(max(m, sized * self.releases), n)
        descent = self._descent(learner, gone.loss, kept, n - m)
        # Of all examples, since of a sum the convexity of the mean is least there.
        near = self._descent(learner, gone.loss, kept, n).near(learner.tolerance / (1 if learner.form == "mean" else n))
        away = kept.away if kept.releases else near
        steps = self.iterations or descent.iterations(away, n - m, count, near)
        std = self._std(learner, gone.loss, kept, near, sized, steps)
        made = replace(kept, away=descent.away(away, n - m, count, steps))
        account = GaussianAccountant(self.epsilon, self.delta, spent=kept.spent, releases=kept.releases)
        bound = made.away + near  # the retrained model is as near to the same optimum
        if not account.allows(bound / std):
            raise RequestError(spent_message(m, n, self.epsilon, self.delta))
        account = account.charged(bound / std)
        after = learner.objective(problem.rest)
        weights, gradient = descended(after, kept.weights, descent.size, steps)
        noisy = weights + drawn(problem, account.releases, weights, std)
        put(model, placed(model, after, noisy), problem.trainable)
        checks = failing(learner, kept.longest, self.radius, kept.gradient, gone)
        fails = tuple(reason for reason, fails in checks.items() if fails)
        alone = GaussianAccountant(self.epsilon, self.delta).charged(bound / std)

        def bound_with(more: int) -> float:
            return self._descent(learner, gone.loss, kept, n - m - more).away(made.away, n - m - more, more, steps) + near

        certificate = Certificate(
            guarantee=None if fails else Guarantee(alone.epsilon_spent, self.delta, account.epsilon_spent), fails=fails,
            provided=PROVIDED, removed=m, examples=n, bound=bound, measured=descent.near(gradient) + near, std=std,
            capacity=m + capacity(bound_with, account.left * std, n - m), releases=account.releases,
        )  # fmt: skip
        return Release(model, certificate, {KEPT: made.after(weights, hashes, spent=account.spent).tensors()})

    def _std(self, learner: Convex, loss: LinearLoss, kept: KeptAccount, near: float, sized: int, steps: int) -> float:
        """Noise of each weight at a release, as large as all releases that are planned ask for."""
        n = kept.examples
        planned = distances(self._descent(learner, loss, kept, n - sized), near, n, sized, steps, self.releases)
        whole = math.sqrt(math.fsum((away + near) ** 2 for away in planned))
        return whole / GaussianAccountant(self.epsilon, self.delta).limit

    def _descent(self, learner: Convex, loss: LinearLoss, kept: KeptAccount, stay: int) -> Descent:
        """Constants of the mean over what stays.

        Raises:
            SpecError: a gradient has no bound, so no noise is enough.
        """
        if learner.l2 == 0:
            raise SpecError("without a squared penalty no step brings weights nearer to an optimum: train with l2 > 0")
        most = loss.bounds
        if not math.isfinite(most.slope):
            raise SpecError(f"loss={learner.loss!r} has a gradient of any length, so no noise is enough: take logistic or huber")
        # Rows beyond the radius are not certified; the descent is not to leave for infinity because of them.
        radius = max(self.radius, kept.longest)
        averaged = learner.form == "mean"
        penalty = learner.l2 if averaged else learner.l2 / max(stay, 1)
        share = rounding_share(kept.examples, len(kept.weights))
        return Descent(penalty, most.curvature * radius**2 + penalty, (2 if averaged else 1) * most.slope * self.radius, share)


def descended(objective: ConvexObjective, start: Array, size: float, steps: int) -> tuple[Array, float]:
    """Weights after some steps on the mean of losses, and the length of its gradient there.

    >>> from untrain.maths.design_matrix import DesignMatrix
    >>> from untrain.maths.linear_losses import LinearLoss
    >>> rows = DesignMatrix.of(np.ones((2, 1)), intercept=False)
    >>> ends = descended(ConvexObjective(rows, np.array([1.0, 3.0]), LinearLoss("squared")), np.array([0.0]), 0.5, steps=3)
    >>> ends[0].tolist(), ends[1]  # 1, 1.5, 1.75
    ([1.75], 0.25)
    """
    scale = 1 if objective.mean else objective.rows.rows
    weights = start
    for _ in range(steps):
        weights = weights - size / scale * objective.at(weights).slope
    return weights, float(np.linalg.norm(objective.at(weights).slope)) / scale
