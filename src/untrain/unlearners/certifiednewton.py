"""A Newton step that is released with noise, and certified where its assumptions hold."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import nn

from untrain.core.errors import ModelError, RequestError, SpecError
from untrain.core.fields import Count, Positive
from untrain.core.metering import leave_uncounted
from untrain.core.search_space import SearchHint
from untrain.data.fingerprint import id_hashes
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.gaussian_accountant import GaussianAccountant
from untrain.maths.online_removal import RemovalState, removed, step
from untrain.maths.removal_bounds import RemovalBound, capacity, constants_of
from untrain.models.convex_model import ConvexModel
from untrain.training.convex_change import losses_of
from untrain.training.gradients import put
from untrain.training.keepers.hessianfactor import HessianFactor, KeptFactor
from untrain.training.learners.convex import Convex, line_of, placed
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner
from untrain.unlearners.guarantee import Certificate, Guarantee, Release

KEPT = HessianFactor.__name__
ROUNDING = 1e-12  # share of a radius; rows that were scaled to it are no longer than this
PROVIDED = (
    "the fields of learner and method, the radius among them, were set without looking at the data",
    "the seed of the noise and what is kept stay secret",
)


class CertifiedNewton(Unlearner):
    """Release ``w - H^-1 G + noise``, indistinguishable from retraining with the same noise up to (epsilon, delta).

    The step is that of ``Newton``, from what the keeper ``HessianFactor`` saved in training; it goes on from request to request
    without noise, in operations that grow as the square of the number of weights, and no example that stays is read. The noise is
    drawn for a release alone, as large as the bound on the distance to retraining asks for, whatever the data. An accountant adds
    up what the releases since training spend; a request that would spend more is refused: then retrain. The outcome has a
    certificate: a guarantee where all assumptions hold, and else those that fail. Buffers stay, and masks are refused.

    >>> import numpy as np
    >>> import torch
    >>> from untrain import Convex, Examples, problem
    >>> x = torch.linspace(-0.5, 0.5, 40000, dtype=torch.float64)[:, None]
    >>> data = Examples.labelled(x, (x[:, 0] > 0).long(), np.arange(40000), 2)
    >>> learner = Convex(l2=0.1, bias="none", tuned=False, keepers=(HessianFactor(),))
    >>> model, kept = learner.run(data)
    >>> outcome = CertifiedNewton(epsilon=1.0, delta=1e-5).run(model, problem(data, [7], learner, kept=kept, seed=2**60 + 1))
    >>> round(outcome.certificate.guarantee.epsilon, 6), outcome.certificate.std < 1e-5
    (1.0, True)

    Args:
        epsilon: of all releases since training together, nats.
        delta: of all of them.
        radius: largest norm that a row of inputs can have, with its 1 where there is a bias: known beforehand, not of the data.
        removals: number of removed examples for which the noise of one release is sized, which spends the whole budget; None for
            as many as are removed by then, so that there is one release.
        hessian: of the data after the requests, or before them (the jackknife), whose bound is larger.

    Source: Sekhari et al. 2021, arXiv 2103.03279, algorithm 1 (Newton step); Suriyakumar and Wilson 2022, arXiv 2209.12269
        (jackknife, requests one after another); Balle and Wang 2018, arXiv 1805.06530 (noise).
    Departs: bounds are derived with their constants; the optimum's remaining gradient is part of them; noise never enters the
        state, where the official scripts of 2209.12269 add it up.
    """

    works_on: ClassVar[type] = ConvexModel
    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", f"kept:{KEPT}"})

    epsilon: Annotated[Positive, SearchHint(0.1, 10, log=True, asked=True)] = 1.0
    delta: Annotated[float, Field(gt=0, lt=1), SearchHint(1e-8, 1e-2, log=True, asked=True)] = 1e-5
    radius: Annotated[Positive, SearchHint(0.1, 10, log=True, asked=True)] = 1.0
    removals: Count | None = None
    hessian: Literal["corrected", "original"] = "corrected"

    def unlearn(self, model: nn.Module, problem: Problem) -> Release:
        """The release.

        Raises:
            ModelError: the model was not made by ``Convex``, weights are frozen, or what is kept is of another one.
            SpecError: no bound is known of the learner's loss or penalty.
            RequestError: the request corrects, repeats a removal, or would spend more than the budget.
        """
        leave_uncounted("operations of NumPy are not counted, its seconds are")
        learner, kept = problem.recipe, KeptFactor.of(problem.kept[KEPT])
        if not isinstance(learner, Convex):
            raise ModelError("the objective is not known: the model has to be made by Convex()")
        if not line_of(model).weight.requires_grad:
            raise ModelError("weights are frozen, and a release draws noise for all of them: give requires_grad to the weights")
        if problem.replacement is not None:
            raise RequestError("a removal is certified, and this request corrects: take Newton()")
        gone, state = losses_of(learner, problem.forget, problem.task), kept.state
        hashes = self._new(problem, kept)
        self._check_state(state, learner, gone)
        m = state.removed + gone.rows.rows
        sized = self.removals or m
        if max(m, sized) >= state.examples:
            raise RequestError(f"{max(m, sized)} of {state.examples} examples are to be removed: at least one has to stay")
        bound = self._bound(learner, gone, state.examples)
        account = GaussianAccountant(self.epsilon, self.delta, spent=kept.spent, releases=kept.releases)
        std = bound.at(sized) / account.limit
        if not account.allows(bound.at(m) / std):
            raise RequestError(
                f"with {m} of {state.examples} examples removed since training, a release spends more than is left of the budget "
                f"of epsilon {self.epsilon:g} at delta {self.delta:g}: retrain, with Retrain()"
            )
        account = account.charged(bound.at(m) / std)
        try:
            state = removed(replace(state, data=self.hessian), gone)
            change = step(state)
        except np.linalg.LinAlgError as error:
            raise ModelError(f"the Hessian of what is left has no inverse ({error}): train with l2 > 0") from None
        # No other release has the same draws, so their noise does not cancel.
        draw = np.random.default_rng((problem.seed, account.releases, int(problem.digest, 16)))
        weights = state.weights + change + std * draw.standard_normal(len(change))
        put(model, placed(model, gone, weights), problem.trainable)
        fails = self._fails(learner, kept, gone)
        alone = GaussianAccountant(self.epsilon, self.delta).charged(bound.at(m) / std)
        certificate = Certificate(
            guarantee=None if fails else Guarantee(alone.epsilon_spent, self.delta, account.epsilon_spent),
            fails=fails, provided=PROVIDED, removed=m, examples=state.examples, bound=bound.at(m),
            measured=bound.of_step(m, float(np.linalg.norm(change))), std=std,
            capacity=capacity(bound.at, account.left * std, state.examples), releases=account.releases,
        )  # fmt: skip
        return Release(model, certificate, {KEPT: kept.charged(state, hashes, account.spent).tensors()})

    def _new(self, problem: Problem, kept: KeptFactor) -> torch.Tensor:
        """Hashes of the examples to remove.

        Raises:
            RequestError: one of them was removed before.
        """
        hashes = torch.from_numpy(id_hashes(problem.forget.ids.tolist(), problem.forget.x))
        again = torch.isin(hashes, kept.gone).numpy()
        if again.any():
            raise RequestError(
                f"the example with the id {problem.forget.ids[again].tolist()[0]!r} was removed by an earlier request"
            )
        return hashes

    def _check_state(self, state: RemovalState, learner: Convex, gone: ConvexObjective) -> None:
        """Refuse a state of another learner, or one that went on with another Hessian.

        Raises:
            ModelError: it is of another learner.
            SpecError: of another Hessian.
        """
        known = (len(state.weights), state.mean, float(state.held.max(initial=0.0)))
        if known != (gone.size, learner.form == "mean", learner.l2):
            raise ModelError("what was kept is of another learner than the problem's: train the model again")
        if state.removed and state.data != self.hessian:
            raise SpecError(f"earlier requests took hessian={state.data!r}, and the factor goes on with that alone: take it")

    def _bound(self, learner: Convex, gone: ConvexObjective, n: int) -> RemovalBound:
        """How far the step may be from retraining.

        Raises:
            SpecError: there is no bound, so no noise is enough.
        """
        if learner.l2 == 0:
            raise SpecError(
                "without a squared penalty nothing bounds how far a step goes, so no noise is enough: train with l2 > 0"
            )
        averaged = learner.form == "mean"
        constants = constants_of(gone.loss, learner.l2, self.radius, None if averaged else n)
        bound = RemovalBound(constants, n, learner.tolerance * (1 if averaged else 1 / n), self.hessian == "original")
        if not math.isfinite(bound.at(1)):
            why = "a gradient of any length" if constants.change == 0 else "a Hessian that jumps"
            exact = ", or hessian='corrected', with which the step is exact" if constants.change == 0 else ""
            raise SpecError(f"loss={learner.loss!r} has {why}, so no noise is enough: take 'logistic'{exact}")
        return bound

    def _fails(self, learner: Convex, kept: KeptFactor, gone: ConvexObjective) -> tuple[str, ...]:
        """The assumptions that do not hold."""
        longest = max(kept.longest, gone.rows.largest_norm())
        checks = {
            "the learner's fields were chosen by looking at the data (tuned=True), so retraining may choose others": learner.tuned,
            "the bias has no penalty, so the objective is not strongly convex: take bias='penalised'": learner.bias == "free",
            f"a row has the norm {longest:.6g}, above radius={self.radius:g}": longest > self.radius * (1 + ROUNDING),
            f"the model was not at its optimum: the gradient has length {kept.gradient:.1e}, above tolerance="
            f"{learner.tolerance:g}": kept.gradient > learner.tolerance,
            "labels are not -1 and +1": gone.loss.signed and bool((np.abs(gone.targets) != 1).any()),
        }
        return tuple(reason for reason, fails in checks.items() if fails)
