"""Newton steps from an optimum that noise on the objective has tilted, until that noise covers no more of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, cast

import numpy as np
from pydantic import Field
from torch import nn

from untrain.core.errors import ModelError, RequestError, SpecError
from untrain.core.fields import Positive
from untrain.core.metering import leave_uncounted
from untrain.core.search_space import SearchHint
from untrain.maths.convex_optimum import DENSE
from untrain.maths.gaussian_mechanism import CONSTANTS
from untrain.maths.perturbed_removal import StepResidual, measured_length, residual_step
from untrain.maths.removal_bounds import capacity
from untrain.models.convex_model import ConvexModel
from untrain.training.convex_change import ConvexChange, change_of
from untrain.training.gradients import put
from untrain.training.keepers.removalaccount import KeptAccount, RemovalAccount, convex_of
from untrain.training.learners.convex import Convex, placed
from untrain.training.learners.perturbedconvex import PerturbedConvex
from untrain.training.problem import Problem
from untrain.unlearners._convex_release import (
    BEFOREHAND,
    check_left,
    check_made,
    check_request,
    check_stays,
    failing,
    new_hashes,
    spent_message,
    unbounded,
)
from untrain.unlearners.base import Unlearner
from untrain.unlearners.guarantee import Certificate, Guarantee, Release

Array = np.ndarray[Any, Any]
KEPT = RemovalAccount.__name__
EXACT = 1e-10  # a longer gradient at an optimum is not taken for none
PROVIDED = (
    *BEFOREHAND,
    "the learner's seed and what is kept stay secret",
    f"weights are those of the exact optimum and of exact steps: digits below {EXACT:g} of the gradient are not covered",
    "requests were chosen without looking at any model that has this perturbation",
    "nobody sees this release together with the model before it, or another release since training: all share one perturbation",
)


class CertifiedRemoval(Unlearner):
    """Take one Newton step per request from a model of ``PerturbedConvex``; its perturbation hides the error of the steps.

    What is left of the gradient adds up over requests; one with which it is more than the perturbation covers is refused: then
    retrain, which draws another one. No noise is added to the weights. Each request reads the examples that stay, for their
    Hessian. Buffers stay, and masks are refused.

    The theorem of the paper takes the residual u as if it did not depend on the perturbation b. It does, and then its length is not
    enough: one that rounds b to a grid is short and tells all. With ``theorem='proven'`` the derivative of u is bounded too, for
    losses that are added up, and the worst case decides: see ``StepResidual``. With 'paper' the residual of these data and the
    formula of the paper decide, and nothing is certified.

    >>> import numpy as np
    >>> import torch
    >>> from untrain import Examples, problem
    >>> x = torch.linspace(-1, 1, 10000, dtype=torch.float64)[:, None]
    >>> data = Examples.labelled(x, (x[:, 0] > 0).long(), np.arange(10000), 2)
    >>> by = Convex(l2=500.0, form="sum", bias="none", tuned=False)
    >>> learner = PerturbedConvex(by=by, std=10.0, keepers=(RemovalAccount(),))
    >>> model, kept = learner.run(data, seed=2**60 + 1)
    >>> outcome = CertifiedRemoval(epsilon=1.0, delta=1e-5).run(model, problem(data, list(range(9)), learner, kept=kept))
    >>> round(outcome.certificate.guarantee.epsilon, 3), outcome.certificate.capacity
    (0.05, 43)

    Args:
        epsilon: of a release, nats.
        delta: of it.
        radius: largest norm that a row of inputs can have, with its 1 where there is a bias: known beforehand, not of the data.
        theorem: what decides how many removals the perturbation covers.

    Source: Guo et al. 2020, arXiv 1911.03030, sections 3.1 to 3.3; code facebookresearch/certified-removal.
    Departs: that the residual depends on the perturbation is accounted for, by Renyi divergences; the Lipschitz constant of the
        logistic curvature is ``1 / (6 sqrt(3))`` where theirs is 1/4; their code prints the bound and has no budget.
    """

    works_on: ClassVar[type] = ConvexModel
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", f"kept:{KEPT}"})

    epsilon: Annotated[Positive, SearchHint(0.1, 10, log=True, asked=True)] = 1.0
    delta: Annotated[float, Field(gt=0, lt=1), SearchHint(1e-8, 1e-2, log=True, asked=True)] = 1e-5
    radius: Annotated[Positive, SearchHint(0.1, 10, log=True, asked=True)] = 1.0
    theorem: Literal["proven", "paper"] = "proven"

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Yes: where examples that go have no gradient, no step is the right one."""
        return True

    def unlearn(self, model: nn.Module, problem: Problem) -> Release:
        """The release.

        Raises:
            ModelError: the model was made by another learner, weights are frozen, or what is kept is of another one.
            SpecError: no bound is known of the learner's loss or penalty.
            RequestError: the request corrects, repeats a removal, names what was not trained on, or leaves more than the
                perturbation covers; or what stays is not the rest of what was trained on.
        """
        leave_uncounted("operations of NumPy are not counted, its seconds are")
        by, kept = convex_of(problem.recipe), KeptAccount.of(problem.kept[KEPT])
        check_request(model, problem)
        hashes = new_hashes(problem, kept.gone, kept.rows)
        m = kept.removed + len(hashes)
        check_left(m, kept.examples)
        change = change_of(model, replace(problem, recipe=by))
        check_made(model, change.after.rows.intercept, cast("Convex | PerturbedConvex", problem.recipe), kept, kept.weights)
        if not np.array_equal(change.weights, kept.weights):
            raise ModelError("what was kept is of another model: give what the last outcome kept, or train the model again")
        check_stays(problem, kept, hashes)
        step = change.solve("corrected", -change.after.share * change.gradient)
        std = problem.recipe.std if isinstance(problem.recipe, PerturbedConvex) else 0.0
        total, reading = self._residuals(by, kept, change, step)

        def spent(residual: StepResidual) -> float:
            if not std:
                return math.inf
            if self.theorem == "paper":
                return residual.length * math.sqrt(2 * math.log(CONSTANTS["guo"] / self.delta)) / std
            return residual.epsilon(std, len(step), self.delta)

        decides = reading if self.theorem == "paper" else total
        if std and spent(decides) > self.epsilon:
            raise RequestError(spent_message(m, kept.examples, self.epsilon, self.delta))

        def spent_with(more: int) -> float:
            if self.theorem == "paper":  # as much again for each example as so far
                return spent(replace(reading, length=reading.length * (m + more) / m))
            return spent(total.after(self._worst(by, change, more)))

        weights, fails = kept.weights + step, self._fails(by, kept, change, std)
        put(model, placed(model, change.after, weights), problem.trainable)
        epsilon = spent(total)
        certificate = Certificate(
            guarantee=None if fails else Guarantee(epsilon, self.delta, None if kept.releases else epsilon), fails=fails,
            provided=PROVIDED, removed=m, examples=kept.examples, bound=total.length, measured=reading.length, std=std,
            capacity=m + (capacity(spent_with, self.epsilon, kept.examples - m) if std else 0), releases=kept.releases + 1,
            noisy="entry of the gradient",
        )  # fmt: skip
        return Release(model, certificate, {KEPT: kept.after(weights, hashes, residual=total, measured=reading.length).tensors()})

    def _residuals(self, by: Convex, kept: KeptAccount, change: ConvexChange, step: Array) -> tuple[StepResidual, StepResidual]:
        """Residuals of all steps so far, with this one: whatever the data, and of these."""
        count, after = change.gone.rows.rows, change.after
        total = kept.residual.after(self._worst(by, change, count))
        rows = after.rows
        gram = rows.grams(np.ones((rows.rows, 1)))[0]
        spectral = math.sqrt(max(0.0, float(np.linalg.eigvalsh(gram)[-1])))
        scores = float(np.linalg.norm(rows.scores(after.folded(step))))
        length = float(np.linalg.norm(step))
        made = measured_length(after.loss, self.radius, length, spectral, scores)
        return total, StepResidual(length=kept.measured + made)

    def _worst(self, by: Convex, change: ConvexChange, removed: int) -> StepResidual:
        """Bound the residual of a step.

        Raises:
            SpecError: nothing bounds it.
        """
        if by.l2 == 0:
            raise SpecError("without a squared penalty nothing bounds how far a step goes: train with l2 > 0")
        stay = change.after.rows.rows
        penalty = by.l2 * stay if change.after.mean else by.l2
        try:
            return residual_step(change.after.loss, self.radius, penalty, stay, removed, shared=change.after.mean)
        except ValueError as error:
            raise SpecError(f"{error}: take 'logistic'") from None

    def _fails(self, by: Convex, kept: KeptAccount, change: ConvexChange, std: float) -> tuple[str, ...]:
        """The assumptions that do not hold."""
        checks = failing(by, kept.longest, self.radius, kept.gradient, change.gone) | unbounded(change.gone, by.loss) | {
            f"tolerance={by.tolerance:g} leaves more of a gradient than digits: take {EXACT:g} or less": by.tolerance > EXACT,
            f"a step of more than {DENSE:,} weights is one of conjugate gradients, and not exact": change.after.size > DENSE,
            "the objective was not perturbed: take PerturbedConvex()": std == 0,
            "each example takes a share of the penalty along, so that no step is bounded for every perturbation: take form='sum'":
                change.after.mean and change.after.loss.bounds.change > 0,
            "the residual of these data decides, and it knows the perturbation, as the paper's formula takes it not to: take "
            "theorem='proven'": self.theorem == "paper",
        }  # fmt: skip
        return tuple(reason for reason, fails in checks.items() if fails)
