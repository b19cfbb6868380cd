"""The published ZRF, against scipy and against what can be worked out."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from untrain.evaluation.base import Prepared
from untrain.evaluation.observers.contract import scene
from untrain.evaluation.observers.zrf import ZRF
from untrain.evaluation.scoring.resampling import number
from untrain.models.inference import logits


@pytest.mark.parametrize(("base", "log"), [("two", 2), ("e", np.e)])
def test_it_is_one_less_the_divergence_that_scipy_computes(base, log):
    model, _, sight = scene()
    untrained = sight.init(sight.seed).eval()
    p, q = (softmax(logits(each, sight.forget, sight.task).astype(float), 1) for each in (model, untrained))
    expected = [1 - jensenshannon(a, b, base=log) ** 2 for a, b in zip(p, q, strict=True)]
    assert ZRF(base=base)(model, sight) == pytest.approx(np.array(expected), abs=1e-6)


def test_an_untrained_network_scores_1_and_a_sure_one_what_can_be_worked_out():
    model, _, sight = scene()
    assert ZRF()(sight.init(sight.seed), sight) == pytest.approx(np.ones(len(sight.forget)))
    with torch.no_grad():  # sure of class 0, against one that answers a third each
        for each in (model, untrained := sight.init(0)):
            each[-1].weight.zero_()
            each[-1].bias.zero_()
        model[-1].bias[0] = 100.0
    sight = type(sight)(sight.task, sight.forget, sight.test, lambda seed: untrained, sight.original)
    divergence = (np.log2(1 / (2 / 3)) + np.log2((1 / 3) / (2 / 3)) / 3 + 2 / 3 * np.log2(2)) / 2
    assert ZRF()(model, sight) == pytest.approx(np.full(len(sight.forget), 1 - divergence), abs=1e-6)


def test_the_untrained_network_is_that_of_the_seed():
    model, _, sight = scene()
    first = ZRF()(model, sight)
    other = type(sight)(sight.task, sight.forget, sight.test, sight.init, sight.original, sight.seed + 1)
    assert not np.array_equal(first, ZRF()(model, other))


def test_the_gap_is_signed():
    trial = Prepared(np.full((2, 3), 0.2), np.full((4, 3), 0.5), np.array(["forget"] * 3), False)
    found = {n: number(m) for n, m in ZRF().evaluate(trial).items()}
    assert found == {"zrf": pytest.approx(0.2), "zrf_gap": pytest.approx(0.3)}
