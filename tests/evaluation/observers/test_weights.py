"""Distances of weights."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from untrain.evaluation.base import Prepared
from untrain.evaluation.observers.contract import scene
from untrain.evaluation.observers.weights import Weights
from untrain.evaluation.scoring.resampling import number
from untrain.models.architectures.mlp import MLP
from untrain.models.inference import logits


def found(trial):
    return {n: m if isinstance(m, str) else number(m) for n, m in Weights().evaluate(trial).items()}


def test_distances_are_to_all_oracles_and_to_the_nearest_original():
    ours, theirs, start = np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([[0.0, 2.0], [9.0, 9.0]])
    trial = Prepared(ours, theirs, np.array(["forget"]), False, start)
    assert found(trial) == {"weight_distance": 3.0, "weight_distance_original": 2.0}
    assert "no original models" in found(Prepared(ours, theirs, np.array(["forget"]), False))["weight_distance_original"]


def test_a_step_moves_as_far_as_it_is_long_and_statistics_do_not_count():
    model, _, sight = scene()
    before, moved = Weights()(model, sight), deepcopy(model)
    with torch.no_grad():
        next(moved.parameters()).add_(0.5)
        moved[1].running_mean.add_(100.0)
    count = next(moved.parameters()).numel()
    assert np.linalg.norm(Weights()(moved, sight) - before) == pytest.approx(0.5 * np.sqrt(count), rel=1e-5)
    assert len(before) == sum(p.numel() for p in model.parameters())


def test_permuted_units_compute_the_same_and_lie_far_apart():
    _, _, sight = scene()
    model = MLP(width=8).build((1, 6, 6), 3)
    other, turn = deepcopy(model), torch.arange(7, -1, -1)
    with torch.no_grad():
        for name in ("weight", "bias"):
            getattr(other[1], name).copy_(getattr(model[1], name)[turn])
        other[3].weight.copy_(model[3].weight[:, turn])
    answers = [logits(each, sight.forget, sight.task) for each in (model, other)]
    assert answers[0] == pytest.approx(answers[1], abs=1e-5)
    assert np.linalg.norm(Weights()(other, sight) - Weights()(model, sight)) > 1
