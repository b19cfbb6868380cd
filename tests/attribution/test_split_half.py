"""How well a choice by memorization is known, against what is planted and simulated."""

import numpy as np
import pytest

from untrain.attribution.memorization import memorization
from untrain.attribution.split_half import choice, mean_of
from untrain.core.errors import RequestError
from untrain.experiments.populations.subsets import Subsets, draw

N, K = 300, 30


def most(values):
    return np.argsort(-values, kind="stable")[:K]


def halves(models):
    return np.arange(models) // 16 % 2 == 1


def answered(models, seed, effect):
    """Whether models are right that know half of what they did not see, and ``effect`` more of what they saw; they differ."""
    rng = np.random.default_rng(seed)
    seen, _ = draw(Subsets(models=models, seed=seed), N)
    chance = 0.4 + effect * seen + 0.04 * rng.normal(size=(models, 1))
    return (rng.random((models, N)) < chance).astype(float), seen


def test_a_choice_that_is_certain_has_no_flattery_and_both_halves_make_it():
    seen, _ = draw(Subsets(models=64), N)
    kept = np.arange(N) % 10 == 3
    right = np.where(kept, seen, True).astype(float)
    found = choice(right, seen, halves(64), most, np.arange(N))
    assert (found.count, found.mean, found.held_out, found.agreement, found.cut) == (K, 1.0, 1.0, 1.0, 1.0)
    assert (found.low, found.high, found.error) == (1.0, 1.0, 0.0)
    assert found.equals == found.drawn == K


def test_equals_at_the_cut_are_counted_with_those_that_were_drawn():
    seen, _ = draw(Subsets(models=32), N)
    right = np.where(np.arange(N) < 50, seen, True).astype(float)
    found = choice(right, seen, None, most, np.arange(N))
    assert (found.cut, found.equals, found.drawn) == (1.0, 50, 30)
    assert found.held_out is found.low is found.high is found.agreement is None
    least = choice(right, seen, None, lambda values: np.argsort(values, kind="stable")[:K], np.arange(20, N))
    assert (least.cut, least.equals, least.drawn) == (0.0, 250, 30)


def test_where_a_half_cannot_choose_that_is_not_known():
    def picks(values):
        if values[0] != whole[0]:
            raise RequestError("nothing is memorized")
        return most(values)

    right, seen = answered(32, 0, np.linspace(0, 0.5, N))
    whole = memorization(right, seen).value
    assert choice(right, seen, halves(32), picks, np.arange(N)).agreement is None


def test_choosing_and_measuring_by_the_same_models_flatters_and_by_others_does_not():
    # Nothing is memorized more than anything else, so that the truth of every choice is 0.2.
    found = [choice(*answered(32, seed, 0.2), halves(32), most, np.arange(N)) for seed in range(60)]
    assert np.mean([f.mean for f in found]) > 0.35
    assert np.mean([f.held_out for f in found]) == pytest.approx(0.2, abs=0.01)
    assert np.mean([f.agreement for f in found]) == pytest.approx(K / N, abs=0.03)


@pytest.mark.parametrize("models", [32, 64])
def test_the_interval_holds_the_truth_of_what_the_halves_choose(models):
    effect = np.random.default_rng(5).beta(0.4, 2, N) * 0.5
    inside = []
    for seed in range(300):
        chosen = []

        def pick(values, chosen=chosen):
            chosen.append(most(values))
            return chosen[-1]

        found = choice(*answered(models, seed, effect), halves(models), pick, np.arange(N))
        truth = np.mean([effect[rows].mean() for rows in chosen[-2:]])
        inside.append(found.low <= truth <= found.high)
    assert np.mean(inside) > 0.94  # 0.98: the two directions err alike, and how much so is not known


def test_the_error_of_a_mean_knows_that_examples_share_their_models():
    # Models that saw more of the chosen are no surer, but some models are right more often: all examples move together.
    rows = np.arange(K)
    means, errors = [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        seen = rng.random((24, N)) < 0.5
        seen[:, :K] = seen[:, :1]  # the chosen are seen together
        right = (rng.random((24, N)) < 0.5 + 0.25 * rng.normal(size=(24, 1)).clip(-1.5, 1.5)).astype(float)
        if 1 < seen[:, 0].sum() < 23:
            mean, error = mean_of(right, seen, rows)
            means.append(mean)
            errors.append(error)
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.1)
    alone = memorization(right, seen).error[rows]
    assert np.mean(errors) > 2 * np.sqrt((alone**2).sum()) / K
