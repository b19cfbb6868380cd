"""Datamodels against scikit-learn, and their choice of a strength."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso, Ridge

from untrain.attribution.attributors.datamodels import Datamodels
from untrain.attribution.toy import planted


@pytest.mark.parametrize(
    ("penalty", "model"), [("lasso", lambda s, m: Lasso(alpha=s, tol=1e-9)), ("ridge", lambda s, m: Ridge(alpha=s * m))]
)
@pytest.mark.parametrize("strength", [0.01, 0.2])
def test_values_are_those_of_scikit_learn_in_units_of_the_outputs(penalty, model, strength):
    evidence, _ = planted()
    x, y = evidence.seen.astype(float), evidence.outputs[:, [3, 14]].reshape(len(evidence.seen), -1).astype(float)
    scales = x.std(0), y.std(0)
    values = Datamodels(penalty=penalty, strength=strength)(evidence, asked_rows=[3, 14]).reshape(len(x[0]), -1)
    for target in range(y.shape[1]):
        fitted = model(strength, len(x)).fit((x - x.mean(0)) / scales[0], y[:, target] / scales[1][target]).coef_
        # The lasso stops within 1e-4 of its largest slope.
        assert values[:, target] == pytest.approx(fitted * scales[1][target] / scales[0], abs=1e-3)


@pytest.mark.parametrize("penalty", ["lasso", "ridge"])
def test_a_chosen_strength_finds_planted_effects_better_than_a_bad_one(penalty):
    evidence, effects = planted()
    chosen, strong = (Datamodels(penalty=penalty, strength=s)(evidence) for s in (None, 0.5))
    assert np.abs(chosen - effects).mean() < np.abs(strong - effects).mean() / 3


def test_a_lasso_leaves_out_examples_without_effect():
    evidence, effects = planted()
    values = Datamodels()(evidence)
    silent = effects == 0
    assert (values[silent] == 0).mean() > 0.4
    assert (values[~silent] != 0).mean() > 0.9


def test_of_noise_a_lasso_makes_next_to_nothing():
    evidence, _ = planted()
    noise = np.random.default_rng(1).normal(size=evidence.outputs.shape).astype(np.float32)
    values = Datamodels()(type(evidence)(evidence.train, evidence.asked, evidence.task, noise, evidence.seen))
    assert (values == 0).mean() > 0.6
    assert np.abs(values).mean() < 0.02


def test_the_held_out_models_depend_on_the_seed():
    evidence, _ = planted()
    outs = [Datamodels(seed=s)._held_out(evidence.seen) for s in (0, 0, 1)]
    assert (outs[0] == outs[1]).all()
    assert outs[0].sum() == outs[2].sum() == round(0.2 * len(evidence.seen))
    assert (outs[0] != outs[2]).any()
