"""Promises of observers."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from torch import nn

from untrain.core.contract import check_random_state_kept, require, seed_everything
from untrain.evaluation.base import Array, Prepared
from untrain.evaluation.observers.base import Observer, ObserverContext
from untrain.evaluation.scoring.resampling import number
from untrain.models.inference import predict
from untrain.training.toy import marked, small, undone


def scene() -> tuple[nn.Module, nn.Module, ObserverContext]:
    """An original model, one that was retrained without 12 of its 60 examples, and the context of observers."""
    original, problem = small()
    outputs = {n: a[None] for n, a in predict(original, problem.forget, problem.task).items()}
    sight = ObserverContext(problem.task, problem.forget, problem.rest, problem.init, outputs, 3, retain=problem.rest)  # type: ignore[arg-type]
    return original, _retrained(), sight


@lru_cache(maxsize=1)
def _retrained() -> nn.Module:
    _, problem = small()
    return problem.recipe(problem.rest, 1)  # type: ignore[misc]


def values(made: Observer, ours: Array, theirs: Array, original: Array, sight: ObserverContext) -> dict[str, float | str]:
    """Score name -> value, or the reason why there is none."""
    side = np.repeat(["forget", "test"], [len(sight.forget), len(sight.test)])
    measured = made.evaluate(Prepared(ours, theirs, side, False, original))
    return {n: m if isinstance(m, str) else number(m) for n, m in measured.items()}


def it_leaves_the_model_alone(made: Observer) -> None:
    """Parameters, buffers, gradients, modes and flags of the model, and the examples, are as they were.

    Cure: work on a deepcopy, or put parameters, buffers, gradients, modes and flags back.
    """
    model, _, sight = scene()
    marked(model)
    undone(made, model, (sight.forget, sight.test), lambda: made(model, sight))


def it_leaves_the_random_state(made: Observer) -> None:
    """The random states of torch, numpy and python stay as they were.

    Cure: draw from a generator seeded by the context's `seed`, and seed nothing global.
    """
    model, _, sight = scene()
    check_random_state_kept(made, lambda: made(model, sight))


def the_same_seed_finds_the_same(made: Observer) -> None:
    """Two looks at one model agree bit for bit, whatever the global random state.

    Cure: draw from a generator seeded by the context's `seed`.
    """
    model, _, sight = scene()
    arrays = []
    for noise in (5, 6):
        seed_everything(noise)
        arrays.append(made(model, sight))
    require(bool(np.array_equal(arrays[0], arrays[1])), made, "finds two things of one model with one seed")


def it_finds_finite_numbers_of_one_shape(made: Observer) -> None:
    """Arrays of the same shape for all models, so that they can be stacked.

    Cure: return an array whose shape does not depend on the model, and cap what may be infinite.
    """
    original, retrained, sight = scene()
    arrays = [made(model, sight) for model in (original, retrained)]
    require(arrays[0].shape == arrays[1].shape, made, f"finds arrays of shapes {arrays[0].shape} and {arrays[1].shape}")
    require(bool(np.isfinite(np.concatenate([f.ravel() for f in arrays])).all()), made, "finds NaN or infinite values")


def every_observed_score_is_explained(made: Observer) -> None:
    """Each score that it gives has an entry in its glossary, and none is without words.

    Cure: give `scores` an entry for each name that `evaluate` returns, with means, unit, ideal and weak.
    """
    original, retrained, sight = scene()
    a, b = (made(model, sight)[None] for model in (original, retrained))
    unknown = sorted(values(made, a, b, a, sight).keys() - made.scores.keys())
    require(not unknown, made, f"gives scores that its glossary lacks: {unknown}")
    mute = [n for n, about in made.scores.items() if not (about.means and about.unit and about.ideal and about.weak)]
    require(not mute, made, f"explains these scores without words: {mute}")


def it_finds_nothing_between_a_model_and_itself(made: Observer) -> None:
    """Scores whose ideal is 0 or 1 have that value when unlearned is the oracle.

    Cure: compare the unlearned models with the oracles, and not with a constant.
    """
    original, retrained, sight = scene()
    a, b = (made(model, sight)[None] for model in (original, retrained))
    same = values(made, b, b, a, sight)
    best = {n: 1.0 for n, about in made.scores.items() if about.ideal == "1"}
    best |= {n: 0.0 for n, about in made.scores.items() if about.ideal == "0"}
    off = {n: v for n, v in same.items() if n in best and not isinstance(v, str) and abs(v - best[n]) > 1e-6}
    require(not off, made, f"is not ideal when the unlearned model is the oracle: {off}")


def it_is_blind_to_the_order_of_observed_models(made: Observer) -> None:
    """Models may come in any order.

    Cure: pair no model with the one of the same number: take means, or all pairs.
    """
    original, retrained, sight = scene()
    both = np.stack([made(model, sight) for model in (original, retrained)])
    there, back = (values(made, population, both, both[:1], sight) for population in (both, both[::-1]))
    near = all(v == back[n] or (not isinstance(v, str) and abs(v - float(back[n])) < 1e-6) for n, v in there.items())
    require(near, made, "depends on the order of models")


def it_tells_the_original_from_a_retrained_model(made: Observer) -> None:
    """Some score of a model that learned the forget set differs from that of one that never saw it.

    Cure: look at the forget set.
    """
    original, retrained, sight = scene()
    a, b = (made(model, sight)[None] for model in (original, retrained))
    same, other = values(made, b, b, a, sight), values(made, a, b, a, sight)
    apart = [n for n, v in other.items() if not isinstance(v, str) and (isinstance(same[n], str) or abs(v - float(same[n])) > 1e-4)]
    require(bool(apart), made, "finds the same of a model that learned the forget set as of one that never saw it")
