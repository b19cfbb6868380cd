"""What can be derived from outputs that are numbers, and of models that are all the same."""

from dataclasses import replace

import numpy as np
import pytest

from untrain.core.errors import DataError
from untrain.evaluation.attacks.lira import LiRA
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.assessment import lacks
from untrain.models.tasks.regression import Regression


def numbers(models: int = 3) -> Observation:
    """What some regressors put out."""
    draw = np.random.default_rng(0)
    prediction, y = draw.normal(size=(models, 6)).astype(np.float32), draw.normal(size=6).astype(np.float32)
    side = np.repeat(["forget", "retain", "test"], 2)
    return Observation({"prediction": prediction}, y, y, side, np.arange(6), task=Regression())


def test_real_targets_are_no_classes_and_one_stratum():
    seen = numbers()
    assert [seen.has(name) for name in ("prediction", "margin", "loss", "correct", "classes", "logits")] == [True] * 3 + [False] * 3
    assert seen.strata.tolist() == [0] * 6
    with pytest.raises(DataError, match="Regression gives no correct; it gives likelihood, loss, margin"):
        seen.signal("correct")


def test_models_that_are_all_the_same_have_no_spread():
    seen = numbers()
    same = seen.of_models([1, 1, 1])
    assert seen.has("spread")
    assert not same.has("spread")
    assert lacks(LiRA(), seen) == ""
    assert lacks(LiRA(), same) == "needs models that differ from seed to seed, and the 3 oracles are the same one"


def test_two_of_three_that_are_the_same_have_a_spread_and_one_model_may_have():
    assert numbers().of_models([1, 1, 2]).has("spread")
    assert numbers().of_models([0]).has("spread")


def test_what_differs_in_one_output_of_several_differs():
    seen = numbers().of_models([0, 0])
    other = replace(seen, outputs={**seen.outputs, "length": np.array([[1.0] * 6, [2.0] * 6])})
    assert other.has("spread")
