"""Unlearning by less sensitivity to inputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError, RequestError
from untrain.data.examples import Batch, Examples
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners import mumis
from untrain.unlearners.mumis import MUMis, sensitivities

PLAIN = Steps(lr=0.1, epochs=1, batch=16, optimizer=SGD(momentum=0.0), schedule=Constant(), buffers="freeze")


def posed(model, n=8, classes=2):
    torch.manual_seed(1)
    sets = [Examples.labelled(torch.randn(n, 4), torch.arange(n) % classes, np.arange(n) + at, classes) for at in (0, n)]
    return Problem(Classification(), *sets)


def test_of_a_linear_model_the_label_s_row_shrinks_and_the_other_grows():
    model = nn.Linear(4, 2)
    problem = posed(model)
    problem = replace(problem, forget=problem.forget.with_targets(torch.zeros(8).long()))
    forgot = MUMis(others=0.5, steps=PLAIN)(model, problem)
    # The gradient of a logit by the input is its row of weights, whatever the input.
    assert torch.allclose(forgot.weight[0], (1 - 0.1 * 2) * model.weight[0], atol=1e-6)
    assert torch.allclose(forgot.weight[1], (1 + 0.1 * 2 * 0.5) * model.weight[1], atol=1e-6)
    assert torch.equal(forgot.bias, model.bias)


def test_one_step_is_that_of_the_difference_of_squared_input_gradients():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    problem = posed(model)
    forgot = MUMis(steps=PLAIN)(model, problem)
    # torchunlearn's cost with one other class, which with two classes is always the same.
    x = problem.forget.x.clone().requires_grad_()
    logits = model(x)
    y = problem.forget.y
    pick = lambda labels: logits[torch.arange(8), labels].sum()  # noqa: E731
    own, other = (torch.autograd.grad(pick(labels), x, create_graph=True)[0] for labels in (y, 1 - y))
    cost = (own.pow(2).sum(1) - other.pow(2).sum(1)).mean()
    grads = torch.autograd.grad(cost, list(model.parameters()), allow_unused=True)
    for p, g, new in zip(model.parameters(), grads, forgot.parameters(), strict=True):
        assert torch.allclose(new, p if g is None else p - 0.1 * g, atol=1e-6)


def test_the_model_grows_less_sensitive_to_the_forget_set_without_any_other_data():
    model, problem = small()
    batch = Batch({"x": problem.forget.x, "other": (problem.forget.y + 1) % 3, "y": problem.forget.y}, torch.arange(12))
    steps = replace(PLAIN, lr=0.003, epochs=5)
    forgot = MUMis(others=0.0, steps=steps)(model, replace(problem, retain=None, valid=None))
    before, after = (float(sensitivities(m, problem.task, batch)[0].mean().detach()) for m in (model, forgot))
    assert after < 0.8 * before


def test_other_classes_are_all_but_the_label(monkeypatch):
    noted = []

    def noting(model, task, batch):
        noted.append((batch.fields["other"] - batch.y) % 3)
        return sensitivities(model, task, batch)

    monkeypatch.setattr(mumis, "sensitivities", noting)
    MUMis(steps=replace(PLAIN, epochs=20, lr=1e-6))(*small())
    assert set(torch.cat(noted).tolist()) == {1, 2}


def test_images_of_whole_numbers_are_scaled_and_tokens_are_refused():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    images = Examples.labelled(torch.randint(0, 255, (6, 1, 2, 2), dtype=torch.uint8), torch.arange(6) % 3, np.arange(6), 3)
    assert not torch.equal(MUMis(steps=PLAIN)(model, Problem(Classification(), images))[1].weight, model[1].weight)
    words = Examples.labelled(torch.randint(0, 5, (6, 4)), torch.arange(6) % 3, np.arange(6), 3)
    model = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(8, 3))
    with pytest.raises(ModelError, match=r"takes gradients by inputs, and these are torch.int64: real numbers are needed"):
        MUMis()(model, Problem(Classification(), words))


def test_data_of_one_class_are_refused_in_one_line():
    one = Examples.labelled(torch.randn(6, 4), torch.zeros(6).long(), np.arange(6), 1)
    model = torch.nn.Linear(4, 2)
    with pytest.raises(RequestError, match="MUMis takes another class for each example to forget, and the data have 1"):
        MUMis(steps=PLAIN)(model, Problem(Classification(classes=2), one))
