"""Nothing done, where training was private enough for it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from untrain.core.errors import RequestError
from untrain.core.fields import Positive
from untrain.core.search_space import SearchHint
from untrain.maths.removal_bounds import capacity
from untrain.maths.subsampled_gaussian import group_epsilon
from untrain.training.learners.dpsgd import DPSGD
from untrain.training.problem import Problem
from untrain.unlearners._convex_release import INPUTS, check_left, spent_message
from untrain.unlearners.base import Unlearner
from untrain.unlearners.guarantee import Certificate, Guarantee, Release

PROVIDED = (
    "the fields of learner and method were set without looking at the data, how many there are included",
    "the learner's seed stays secret, and the model before training has not learned from the data",
    INPUTS,
    "the model is as the learner made it of the data of the problem",
    "all examples that were ever to be removed are in this request, and were chosen without looking at the model",
    "arithmetic is exact: rounding is not covered",
)


class GroupPrivacy(Unlearner):
    """Keep a model of ``DPSGD``: its distribution is within (epsilon, delta) of that of a model without the removed examples.

    Of one example that is what private training promises, and a group of k costs a little more than k times as much. Neither
    weights nor buffers move. A request that would cost more is refused: then retrain.

    >>> import untrain as ut
    >>> data = ut.Digits().load().train
    >>> learner = DPSGD(model=ut.MLP(width=8), rounds=5, noise=4.0, tuned=False)
    >>> asked = ut.problem(data, data.ids[:2].tolist(), learner)
    >>> certificate = GroupPrivacy(epsilon=2.0).run(learner(data, seed=2**60 + 1), asked).certificate
    >>> round(certificate.guarantee.epsilon, 2), certificate.capacity
    (0.28, 11)

    Args:
        epsilon: the most that the group may cost, nats.
        delta: of the group.

    Source: Dwork and Roth 2014, theorem 2.2 (groups); Abadi et al. 2016, arXiv 1607.00133 (training).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain"})

    epsilon: Annotated[Positive, SearchHint(0.1, 10, log=True, asked=True)] = 1.0
    delta: Annotated[float, Field(gt=0, lt=1), SearchHint(1e-8, 1e-2, log=True, asked=True)] = 1e-5

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Yes: it changes nothing."""
        return True

    def unlearn(self, model: nn.Module, problem: Problem) -> Release:
        """The same model.

        Raises:
            RequestError: the request corrects, or costs more than the budget.
        """
        if problem.replacement is not None:
            raise RequestError("a removal is certified, and this request corrects: take Finetune()")
        learner, m = problem.recipe, len(problem.forget)
        n = m + len(problem.rest)
        check_left(m, n)
        if not isinstance(learner, DPSGD):
            why = ("training was not private: take DPSGD()",)
            return Release(model, Certificate(None, why, PROVIDED, m, n, 0.0, 0.0, 0.0, 0, 1))

        def cost(count: int) -> float:
            return group_epsilon(count, learner.rate, learner.noise, learner.rounds, self.delta) if count else 0.0

        spent = cost(m)
        if spent > self.epsilon:
            raise RequestError(spent_message(m, n, self.epsilon, self.delta))
        checks = {
            "the learner's fields were chosen by looking at the data (tuned=True), so retraining may choose others": learner.tuned,
        }
        fails = tuple(reason for reason, fails in checks.items() if fails)
        certificate = Certificate(
            guarantee=None if fails else Guarantee(spent, self.delta, spent), fails=fails, provided=PROVIDED, removed=m, examples=n,
            bound=m * learner.clip, measured=m * learner.clip, std=learner.noise * learner.clip,
            capacity=capacity(cost, self.epsilon, n), releases=1, noisy="entry of the gradient in each step",
        )  # fmt: skip
        return Release(model, certificate)
