"""A Newton step that is released with noise, and certified where its assumptions hold."""

from __future__ import annotations

import math
from copy import deepcopy
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
from untrain.core.seeds import UNSAID
from untrain.data.examples import Examples, prototype
from untrain.data.fingerprint import row_hashes
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.gaussian_accountant import GaussianAccountant
from untrain.maths.online_removal import corrected, removed, step
from untrain.maths.removal_bounds import RemovalBound, capacity, constants_of
from untrain.models.convex_model import ConvexModel
from untrain.training.convex_change import losses_of
from untrain.training.gradients import put
from untrain.training.keepers.base import Kept
from untrain.training.keepers.hessianfactor import HessianFactor, KeptFactor
from untrain.training.learners.convex import Convex, placed
from untrain.training.problem import Problem
from untrain.unlearners._convex_release import (
    CORRECTED,
    PROVIDED,
    check_left,
    check_made,
    check_request,
    drawn,
    failing,
    new_hashes,
    spent_message,
    unbounded,
)
from untrain.unlearners.base import Unlearner
from untrain.unlearners.guarantee import Certificate, Guarantee, Release

KEPT = HessianFactor.__name__
FIRST = "a first release of the trained model, which counts, is made by release()"


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
    >>> outcome = CertifiedNewton(epsilon=1.0, delta=1e-5).run(model, problem(data, [7], learner, kept=kept))
    >>> round(outcome.certificate.guarantee.epsilon, 6), outcome.certificate.std < 1e-5
    (1.0, True)

    Args:
        epsilon: of all releases since training together, nats.
        delta: of all of them.
        radius: largest norm that a row of inputs can have, with its 1 where there is a bias: known beforehand, not of the data.
        removals: number of removed examples for which the noise of one release is sized, which spends the whole budget; None for
            as many as are removed by then, so that there is one release.
        corrections: as ``removals``, of examples that get other values; both count together.
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
    corrections: Count | None = None
    hessian: Literal["corrected", "original"] = "corrected"

    def unlearn(self, model: nn.Module, problem: Problem) -> Release:
        """The release.

        Raises:
            ModelError: the model was not made by ``Convex``, weights are frozen, or what is kept is of another one.
            SpecError: no bound is known of the learner's loss or penalty.
            RequestError: the request names what went before, or was not trained on, corrects with fewer examples than go, or would
                spend more than is left.
        """
        leave_uncounted("operations of NumPy are not counted, its seconds are")
        return self._released(model, problem)

    def release(self, model: nn.Module, train: Examples, learner: Convex, kept: Kept, seed: int = UNSAID) -> Release:
        """The trained model with noise, before any request: the first release, which counts as the later ones do.

        >>> import numpy as np
        >>> import torch
        >>> x = torch.linspace(-0.5, 0.5, 4000, dtype=torch.float64)[:, None]
        >>> data = Examples.labelled(x, (x[:, 0] > 0).long(), np.arange(4000), 2)
        >>> learner = Convex(l2=0.1, bias="none", tuned=False, keepers=(HessianFactor(),))
        >>> model, kept = learner.run(data)
        >>> first = CertifiedNewton(removals=10).release(model, data, learner, kept)
        >>> first.certificate.releases, first.certificate.removed, first.certificate.guarantee.epsilon < 0.01
        (1, 0, True)

        Args:
            model: as the learner made it; a copy is released.
            train: what it was trained on; its shapes and classes are read, and no example.
            learner: that made it.
            kept: by the learner's keepers.
            seed: of the noise, a secret; where none is given it comes of the operating system.

        Raises:
            ModelError: weights are frozen, or what is kept is of another learner.
            SpecError: ``removals`` and ``corrections`` are None, or no bound is known of the learner's loss or penalty.
            RequestError: there was a release before.
        """
        self.check_kind(model)
        if self.removals is None and self.corrections is None:
            raise SpecError("the noise of a first release is that of what follows: give removals, for how many it is sized")
        if KeptFactor.of(kept[KEPT]).releases:
            raise RequestError("there was a release since training: this one would not be the first")
        return self._released(deepcopy(model), Problem(learner.task, prototype(train), recipe=learner, kept=kept, seed=seed), False)

    def _released(self, model: nn.Module, problem: Problem, removing: bool = True) -> Release:
        """A release without the forget set, or of all, where that is one row of its shape alone."""
        learner, kept = problem.recipe, KeptFactor.of(problem.kept[KEPT])
        if not isinstance(learner, Convex):
            raise ModelError("the objective is not known: the model has to be made by Convex()")
        check_request(model, problem, corrects=True)
        gone, state = losses_of(learner, problem.forget, problem.task), kept.state
        other = problem.replacement
        come = None if other is None else losses_of(learner, other, problem.task)
        hashes = new_hashes(problem, kept.gone, kept.rows) if removing else kept.gone[:0]
        check_made(model, gone.rows.intercept, learner, kept, state.weights)
        self._check_state(kept, learner, gone)
        m = state.removed + (len(hashes) if come is None else 0)
        k = state.corrected + (0 if come is None else len(hashes))
        sized = self.removals or m, self.corrections or k
        check_left(max(m, sized[0]), state.examples)
        bound = self._bound(learner, gone, state.examples)
        account = GaussianAccountant(self.epsilon, self.delta, spent=kept.spent, releases=kept.releases)
        std = bound.at(*sized) / account.limit
        if not account.allows(bound.at(m, k) / std):
            raise RequestError(spent_message(m, state.examples, self.epsilon, self.delta, k))
        account = account.charged(bound.at(m, k) / std)
        try:
            state = replace(state, data=self.hessian)
            if removing:
                state = removed(state, gone) if come is None else corrected(state, gone, come)
            change = step(state)
        except np.linalg.LinAlgError as error:
            raise ModelError(f"the Hessian of what is left has no inverse ({error}): train with l2 > 0") from None
        weights = state.weights + change
        weights = weights + drawn(problem, account.releases, weights, std)
        put(model, placed(model, gone, weights), problem.trainable)
        checks = failing(learner, kept.longest, self.radius, kept.gradient, gone, come) | unbounded(gone, learner.loss)
        fails = tuple(reason for reason, fails in checks.items() if fails)
        alone = GaussianAccountant(self.epsilon, self.delta).charged(bound.at(m, k) / std)
        certificate = Certificate(
            guarantee=None if fails else Guarantee(alone.epsilon_spent, self.delta, account.epsilon_spent),
            fails=fails, provided=(*PROVIDED, FIRST, *((CORRECTED,) if k else ())), removed=m, examples=state.examples,
            bound=bound.at(m, k), measured=bound.of_step(m, float(np.linalg.norm(change)), k), std=std,
            capacity=capacity(lambda more: bound.at(more, k), account.left * std, state.examples), releases=account.releases,
            corrected=k,
        )  # fmt: skip
        came = None if other is None else torch.from_numpy(row_hashes(other))
        longest = kept.longest if come is None else max(kept.longest, come.rows.largest_norm())
        kept = replace(kept, longest=longest).charged(state, hashes, account.spent, came)
        return Release(model, certificate, {KEPT: kept.tensors()})

    def _check_state(self, kept: KeptFactor, learner: Convex, gone: ConvexObjective) -> None:
        """Refuse a state of another penalty, or one that went on with another Hessian.

        Raises:
            ModelError: it is of another penalty.
            SpecError: of another Hessian.
        """
        state, held = kept.state, learner.l2 * gone.penalised
        if not np.array_equal(state.held, held):
            raise ModelError("what was kept has another penalty than the problem's learner: train the model again")
        if state.removed + state.corrected and state.data != self.hessian:
            raise SpecError(f"earlier requests took hessian={state.data!r}, and the factor goes on with that alone: take it")

    def _bound(self, learner: Convex, gone: ConvexObjective, n: int) -> RemovalBound:
        """Bound the distance of the step from retraining.

        Raises:
            SpecError: there is no bound, so no noise is enough.
        """
        if learner.l2 == 0:
            raise SpecError(
                "without a squared penalty nothing bounds how far a step goes, so no noise is enough: train with l2 > 0"
            )
        averaged = learner.form == "mean"
        constants = constants_of(gone.loss, learner.l2, self.radius, None if averaged else n)
        # Of a loss whose gradients have any length so have rounding errors: nothing is certified of it then.
        size = gone.size if math.isfinite(constants.slope) else 0
        bound = RemovalBound(constants, n, learner.tolerance * (1 if averaged else 1 / n), self.hessian == "original", size)
        if not math.isfinite(bound.at(1)):
            why = "a gradient of any length" if constants.change == 0 else "a Hessian that jumps"
            exact = ", or hessian='corrected', with which the step is exact" if constants.change == 0 else ""
            raise SpecError(f"loss={learner.loss!r} has {why}, so no noise is enough: take 'logistic'{exact}")
        return bound
