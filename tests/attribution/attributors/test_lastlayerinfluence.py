"""Influence functions of the last layer against retraining it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.attribution.attributors import lastlayerinfluence
from untrain.attribution.attributors.lastlayerinfluence import LastLayerInfluence
from untrain.attribution.base import TrainingEvidence
from untrain.attribution.toy import trained
from untrain.core.errors import DataError, ModelError
from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.models.tasks.regression import Regression

N, D = 200, 20


def ridge(seed):
    """A ridge regression with penalty 1 of 200 examples of 20 numbers: its evidence, and the outputs of a refit on some rows."""
    draw = torch.Generator().manual_seed(seed)
    x, w, noise = (torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in ((N, D), (D,), (N,)))
    y = x @ w + noise

    def outputs(rows):
        return x @ torch.linalg.solve(x[rows].T @ x[rows] + torch.eye(D, dtype=x.dtype), x[rows].T @ y[rows])

    net = nn.Linear(D, 1, bias=False).double()
    with torch.no_grad():
        net.weight[:] = torch.linalg.solve(x.T @ x + torch.eye(D, dtype=x.dtype), x.T @ y)
    data = Examples({"x": x, "y": y}, np.arange(N))
    return TrainingEvidence(data, data, Regression(), models=(net,)), outputs


def errors(method, sizes, seeds=8):
    """Mean relative error of the sum of values of random sets of some sizes, against refits without them."""
    misses = {size: [] for size in sizes}
    for seed in range(seeds):
        evidence, outputs = ridge(seed)
        values, rng = method(evidence)[:, :, 0], np.random.default_rng(seed)
        for size in sizes:
            gone = rng.choice(N, size, replace=False)
            exact = (outputs(np.arange(N)) - outputs(np.setdiff1d(np.arange(N), gone))).numpy()
            misses[size].append(np.linalg.norm(values[gone].sum(0) - exact) / np.linalg.norm(exact))
    return [float(np.mean(misses[size])) for size in sizes]


def test_of_a_ridge_one_example_is_exact_and_sums_are_not():
    one, ten, fifty = errors(LastLayerInfluence(damping=1 / N), (1, 10, 50))
    assert one < 1e-5  # float32
    assert 0.03 < ten < 0.10  # about 6 %
    assert 0.18 < fifty < 0.34  # about 24 %


def test_without_leverage_one_example_is_off_too():
    one, ten, fifty = errors(LastLayerInfluence(damping=1 / N, leverage=False), (1, 10, 50))
    assert 0.05 < one < 0.2  # about 14 %: its leverage, 20 weights over 200 examples and more
    assert 0.10 < ten < 0.22  # about 15 %
    assert 0.25 < fifty < 0.42  # about 31 %


def head_of(h, y, rows, damping):
    """Weights and biases of a softmax regression on frozen features with a ridge, by Newton's method in float64."""
    n, c = len(h), int(y.max()) + 1
    w = torch.zeros(c, h.shape[1], dtype=torch.float64)

    def loss(flat):
        weights = flat.reshape(w.shape)
        return F.cross_entropy(h[rows] @ weights.T, y[rows], reduction="sum") / n + damping / 2 * (flat**2).sum()

    flat = w.flatten()
    for _ in range(30):
        step = torch.linalg.solve(torch.autograd.functional.hessian(loss, flat), torch.func.grad(loss)(flat))
        flat = flat - step
    assert float(step.abs().max()) < 1e-10
    return flat.reshape(w.shape)


def softmax_regression(damping):
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(60) % 3
    x = torch.randn(3, 4, generator=draw, dtype=torch.float64)[y] + torch.randn(60, 4, generator=draw, dtype=torch.float64)
    h = torch.cat([x, torch.ones(60, 1, dtype=x.dtype)], 1)
    net, whole = nn.Linear(4, 3).double(), head_of(h, y, np.arange(60), damping)
    with torch.no_grad():
        net.weight[:], net.bias[:] = whole[:, :4], whole[:, 4]
    data = Examples.labelled(x, y, np.arange(60), 3)
    return TrainingEvidence(data, data, Classification(classes=3), models=(net,)), h, y, whole


def test_of_a_softmax_regression_it_is_retraining_to_second_order():
    evidence, h, y, whole = softmax_regression(damping=0.1)
    values, plain = (LastLayerInfluence(damping=0.1, leverage=leverage)(evidence) for leverage in (True, False))
    misses = []
    for gone in range(10):
        refit = head_of(h, y, np.setdiff1d(np.arange(60), gone), 0.1)
        exact = (h @ (whole - refit).T).numpy()
        misses.append([np.linalg.norm(v[gone] - exact) / np.linalg.norm(exact) for v in (values, plain)])
    exact_error, plain_error = np.mean(misses, 0)
    assert exact_error < 0.03
    assert exact_error < plain_error / 2


def test_several_models_are_averaged():
    evidence = trained()
    both = LastLayerInfluence()(evidence)
    each = [LastLayerInfluence()(replace(evidence, models=(model,))) for model in evidence.models]
    assert both == pytest.approx(np.mean(each, 0), abs=1e-6)


def test_a_singular_hessian_is_told():
    # Logits of a softmax move together at no cost.
    with pytest.raises(DataError, match="the Hessian of the last layer of Linear is singular with damping=0: take a larger one"):
        LastLayerInfluence(damping=0.0)(softmax_regression(0.1)[0])


def test_a_last_layer_too_large_for_an_exact_hessian_is_refused(monkeypatch):
    monkeypatch.setattr(lastlayerinfluence, "LARGEST", 10)
    with pytest.raises(ModelError, match=r"has 15 weights, and an exact Hessian is made of 10 at most: take TRAK"):
        LastLayerInfluence()(softmax_regression(0.1)[0])


class Scaled(nn.Module):
    """Logits that are an eighth of what the last layer gives."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(4, 3)

    def forward(self, x):
        return self.last(x.float()) / 8


def test_outputs_that_are_not_those_of_the_last_layer_are_refused():
    evidence = replace(softmax_regression(0.1)[0], models=(Scaled(),))
    with pytest.raises(ModelError, match="outputs of Scaled are not those of its last layer: something follows it"):
        LastLayerInfluence()(evidence)
