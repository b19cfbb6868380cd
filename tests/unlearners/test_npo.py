"""Negative preference optimization."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.gradascent import GradAscent
from untrain.unlearners.npo import NPO

ONE = Steps(lr=0.1, epochs=1, optimizer=SGD(momentum=0), schedule=Constant(), buffers="freeze")


def linear():
    torch.manual_seed(0)
    model = nn.Linear(3, 2).double().eval()
    x, y = torch.randn(8, 3).double(), torch.arange(8) % 2
    sides = [Examples.labelled(x[rows], y[rows], np.arange(8)[rows], 2) for rows in (slice(4), slice(4, 8))]
    return model, Problem(Classification(), *sides)


def test_the_first_step_is_gradient_ascent_whatever_beta():
    # At the start p is p_before, where the gradient of (2 / beta) softplus(beta r) is r's own.
    model, problem = linear()
    ascent = GradAscent(steps=ONE)(model, problem)
    for beta in (0.1, 3.0):
        forgot = NPO(beta=beta, retain=0.0, steps=ONE)(model, problem)
        assert torch.allclose(forgot.weight, ascent.weight)


def test_the_pull_fades_as_the_target_is_forgotten_and_sooner_with_a_larger_beta():
    model, problem = linear()
    steps = replace(ONE, lr=0.5, epochs=200)
    losses = []
    for beta in (0.1, 1.0, 10.0):
        forgot = NPO(beta=beta, retain=0.0, steps=steps)(model, problem)
        batch = next(iter(problem.forget_batches(steps).draw(0)))[0]
        losses.append(float(problem.task.loss(forgot, batch).mean().detach()))
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > 2 * losses[2]


def test_the_loss_is_that_of_the_paper():
    model, problem = linear()
    moved = nn.Linear(3, 2).double()
    batch = next(iter(problem.forget_batches(ONE).draw(0)))[0]
    with torch.no_grad():
        logp, before = (torch.log_softmax(m(batch.x), 1)[torch.arange(4), batch.y] for m in (moved, model))
        paper = -(2 / 0.7) * torch.nn.functional.logsigmoid(-0.7 * (logp - before)).mean()
        ratio = problem.task.loss(model, batch) - problem.task.loss(moved, batch)
        ours = 2 / 0.7 * torch.nn.functional.softplus(0.7 * ratio).mean()
    assert float(ours) == pytest.approx(float(paper))


def test_without_weight_on_retain_no_retain_set_is_seen():
    model, problem = small()
    assert "retain" not in NPO(retain=0.0).needed()
    forgot = NPO(retain=0.0, steps=replace(ONE, lr=0.01))(model, replace(problem, retain=None, effects=None))
    batch = next(iter(problem.forget_batches(ONE).draw(0)))[0]
    before, after = (float(problem.task.loss(m, batch).mean().detach()) for m in (model, forgot))
    assert after > before
