"""Shared parts of releases of convex models: what they refuse, what they check, and their noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError, RequestError
from untrain.data.fingerprint import array_digest, row_hashes
from untrain.maths.convex_objective import ConvexObjective
from untrain.training.convex_change import finite_rows
from untrain.training.keepers.hessianfactor import KeptFactor
from untrain.training.keepers.removalaccount import KeptAccount
from untrain.training.keepers.trained_on import sorted_hashes, spelling
from untrain.training.learners.convex import Convex, line_of, weights_of
from untrain.training.learners.perturbedconvex import PerturbedConvex
from untrain.training.problem import Problem
from untrain.training.secret_draws import generator

Array = np.ndarray[Any, Any]
INPUTS = (
    "inputs were made without looking at the data: by no standardising, components, choice of columns or features learned of them"
)
BEFOREHAND = ("the fields of learner and method, the radius among them, were set without looking at the data", INPUTS)
CORRECTED = "retraining is on the corrected data: what these show of the values before, as a mean of them does, is not covered"
PROVIDED = (
    *BEFOREHAND,
    "the trained model, which has no noise, was shown to nobody",
    "every request went on from what the one before kept, and nothing else was released",
    "the seed of the noise and what is kept stay secret",
)
ROUNDING = 1e-12  # share of a radius; rows that were scaled to it are no longer than this


def check_request(model: nn.Module, problem: Problem, corrects: bool = False) -> None:
    """Refuse what no release covers.

    Args:
        model: that is to forget.
        problem: the request.
        corrects: whether the method has a bound for requests that give examples other values, one for each that goes.

    Raises:
        ModelError: weights are frozen.
        RequestError: the request corrects, or other examples come than go.
    """
    if not line_of(model).weight.requires_grad:
        raise ModelError("weights are frozen, and a release draws noise for all of them: give requires_grad to the weights")
    other = problem.replacement
    if other is not None and not corrects:
        raise RequestError("a removal is certified, and this request corrects: take CertifiedNewton(), or Newton()")
    if other is not None and len(other) != len(problem.forget):
        raise RequestError(
            f"{len(other)} examples replace {len(problem.forget)}: a correction is certified where each has one that replaces it"
        )


def check_made(
    model: nn.Module, intercept: bool, learner: Convex | PerturbedConvex, kept: KeptAccount | KeptFactor, weights: Array
) -> None:
    """Refuse what was kept of another learner, or, before the first release, of another model.

    Args:
        model: that is to forget.
        intercept: whether its scores have one.
        learner: the problem's.
        kept: in training.
        weights: that were kept.

    Raises:
        ModelError: it is of another one.
    """
    if kept.learner != spelling(learner):
        raise ModelError(f"what was kept is of another learner, {kept.learner}, than the problem's: train the model again")
    if not kept.releases and not np.array_equal(weights_of(model, intercept), weights):
        raise ModelError("what was kept is of another model: give the model that the learner made with it")


def check_stays(problem: Problem, kept: KeptAccount, hashes: Tensor) -> None:
    """Refuse a retain set that is not what the model was trained on without all that goes, now and before.

    Raises:
        RequestError: it is another one.
    """
    stays = torch.cat([sorted_hashes(problem.rest), kept.gone, hashes]).sort().values
    if not torch.equal(stays, kept.rows):
        raise RequestError(
            "the retain set is not what the model was trained on without all that goes: pose the problem with what earlier "
            "requests left of the training data"
        )


def new_hashes(problem: Problem, gone: Tensor, rows: Tensor) -> Tensor:
    """Hashes of the examples to remove.

    Args:
        problem: the request.
        gone: hashes of what was removed before.
        rows: of what the model was trained on, as often as it was.

    Raises:
        RequestError: one of them was removed before, is named twice, or was not trained on.
        NotFinite: one was not trained on since its inputs hold NaN or infinite numbers.
    """
    hashes = row_hashes(problem.forget)
    of, counts = np.unique(np.concatenate([gone.numpy(), hashes]), return_counts=True)
    trained, times = np.unique(rows.numpy(), return_counts=True)
    known = np.isin(hashes, trained)
    if not known.all():
        finite_rows(problem.forget, problem.task)
        raise RequestError(
            f"the example with the id {problem.forget.ids[~known].tolist()[0]!r} is none that the model was trained on"
        )
    most = np.zeros(len(of), dtype=np.int64)
    most[np.isin(of, trained)] = times[np.isin(trained, of)]
    again = (counts > most)[np.searchsorted(of, hashes)]
    if again.any():
        at = int(np.flatnonzero(again)[0])
        before, often = "was removed by an earlier request, or corrected by one", "is named more often than it was trained on"
        how = before if hashes[at] in gone.numpy() else often
        raise RequestError(f"the example with the id {problem.forget.ids[at].item()!r} {how}")
    return torch.from_numpy(hashes)


def check_left(removed: int, examples: int) -> None:
    """Refuse to remove all.

    Raises:
        RequestError: nothing would stay.
    """
    if removed >= examples:
        raise RequestError(f"{removed} of {examples} examples are to be removed: at least one has to stay")


def unbounded(gone: ConvexObjective, name: str) -> dict[str, bool]:
    """Return whether a step may have any length, in words: then so may its rounding error."""
    return {
        f"a step of loss={name!r} has any length, and so has its rounding error: take 'logistic'": math.isinf(
            gone.loss.bounds.slope
        )
    }


def spent_message(removed: int, examples: int, epsilon: float, delta: float, corrected: int = 0) -> str:
    """The message to a request beyond the budget."""
    others = f" and {corrected} corrected" if corrected else ""
    return (
        f"with {removed} of {examples} examples removed{others} since training, a release spends more than is left of the budget "
        f"of epsilon {epsilon:g} at delta {delta:g}: retrain, with Retrain()"
    )


def failing(
    learner: Convex, longest: float, radius: float, gradient: float, gone: ConvexObjective, come: ConvexObjective | None = None
) -> dict[str, bool]:
    """The assumptions of convex removals and corrections, in words of their failing, and whether they fail.

    The words hold no number of the data, since they are shown beside a release; ``KeptFactor`` has these numbers.
    """
    parts = (gone,) if come is None else (gone, come)
    longest = max(longest, *(part.rows.largest_norm() for part in parts))
    return {
        "the learner's fields were chosen by looking at the data (tuned=True), so retraining may choose others": learner.tuned,
        "the bias has no penalty, so the objective is not strongly convex: take bias='penalised'": learner.bias == "free",
        f"a row has a norm above radius={radius:g}": longest > radius * (1 + ROUNDING),
        f"the model was not at its optimum: the gradient is longer than tolerance={learner.tolerance:g}":
            gradient > learner.tolerance,
        "labels are not -1 and +1": gone.loss.signed and any(bool((np.abs(part.targets) != 1).any()) for part in parts),
    }  # fmt: skip


def drawn(problem: Problem, releases: int, weights: Array, std: float) -> Array:
    """The noise of one release of weights, (size,).

    All that decides a release is in the entropy beside the seed: the weights, the size of the noise, and which release it is.
    """
    decides = array_digest(weights, np.array([std]), np.array([releases]))
    return std * generator(problem.seed, decides).standard_normal(len(weights))
