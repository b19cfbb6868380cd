"""A binary classifier of one logit is refused for what it is, whatever else is given and however it is held."""

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import UntrainError

N = 60
LABELS = np.random.default_rng(0).integers(2, size=N)
SIDES = np.repeat(["forget", "retain", "test"], [10, 30, 20])


def logits(models, seed):
    z = np.random.default_rng(seed).normal(size=(models, N, 1)) + (2 * LABELS - 1)[:, None]
    return z.astype("float32")


def by_side(array):
    return {side: array[:, side == SIDES] for side in ("forget", "retain", "test")}


@pytest.mark.parametrize("how", [lambda a: a, torch.from_numpy, by_side])
@pytest.mark.parametrize("more", [{}, {"labels": LABELS}])
def test_one_logit_is_asked_for_two(how, more, tmp_path):
    sides = {} if how is by_side else {"sides": SIDES}
    with pytest.raises(UntrainError, match=r"one column, as of a sigmoid: give logits of two classes, \(0, z\)"):
        ut.audit(ut.Outputs(how(logits(3, 1)), how(logits(12, 2)), **sides, **more), store=tmp_path / "runs")


def test_two_columns_are_scored(tmp_path):
    def two(array):
        return np.concatenate([np.zeros_like(array), array], axis=-1)

    document = ut.audit(ut.Outputs(two(logits(3, 1)), two(logits(12, 2)), labels=LABELS, sides=SIDES), store=tmp_path / "runs")
    assert document["results"][0]["scores"]


def test_a_checkpoint_with_one_logit_is_refused_for_its_classes(tmp_path):
    x = np.random.default_rng(1).normal(size=(N, 4)).astype("float32")
    scenario = ut.Custom(train=(x, LABELS), test=(x + 1, LABELS), model=lambda: nn.Linear(4, 1), request=ut.Random(fraction=0.1))
    with pytest.raises(UntrainError, match=r"1 .*2 classes|2 .*classes"):
        ut.audit(ut.Checkpoints(nn.Linear(4, 1), oracles=2), scenario=scenario, store=tmp_path / "runs")
