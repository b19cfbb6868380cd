"""Gradient ascent."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import NotFinite
from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.gradascent import GradAscent


def plain(lr, epochs=1):
    """Steps without momentum."""
    return Steps(lr=lr, epochs=epochs, optimizer=SGD(momentum=0), schedule=Constant())


def posed():
    """A linear model at zero and four forget examples, three of them of class 0."""
    model = nn.Linear(1, 2)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    forget = Examples.labelled(torch.ones(4, 1), torch.tensor([0, 0, 0, 1]), np.arange(4), 2)
    retain = Examples.labelled(torch.zeros(4, 1), torch.tensor([1, 1, 1, 1]), np.arange(4, 8), 2)
    return model, Problem(Classification(), forget, retain)


def test_one_step_from_zero_is_up_the_mean_gradient_on_forget():
    forgot = GradAscent(steps=plain(0.4))(*posed())
    assert forgot.bias.tolist() == pytest.approx([-0.1, 0.1])
    assert forgot.weight.flatten().tolist() == pytest.approx([-0.1, 0.1])


def test_an_epoch_is_once_through_the_forget_set():
    assert GradAscent(steps=plain(0.01, epochs=3)).run(*posed()).cost.backward == 3 * 4


def test_the_loss_on_forget_rises():
    model, problem = small()
    forgot = GradAscent(steps=Steps(lr=0.01, epochs=2, batch=4, buffers="freeze"))(model, problem)
    before, after = (float(problem.task.loss(m, problem.forget).mean().detach()) for m in (model, forgot))
    assert after > before


def test_when_it_diverges_without_end_it_says_so():
    model, problem = small()
    with pytest.raises(NotFinite, match=r"gradient ascent diverged: the loss became .* lower lr=1e\+38"):
        GradAscent(steps=plain(1e38, epochs=3))(model, problem)


def test_when_it_goes_far_past_a_guess_a_note_says_so():
    outcome = GradAscent(steps=plain(100.0, epochs=3)).run(*posed())
    (note,) = outcome.notes
    assert note.startswith("gradient ascent diverged: the last forget batch has a loss of")
    assert "a guess has 0.693: lower lr=100.0" in note


def test_when_it_keeps_near_a_guess_there_is_no_note():
    assert GradAscent(steps=plain(0.4)).run(*posed()).notes == ()


def test_when_only_batch_statistics_diverge_it_says_so():
    model, problem = small()
    with torch.no_grad():
        model[1].running_var.fill_(3e38)
    problem = replace(problem, forget=problem.forget.with_fields(x=problem.forget.x * 1e19))
    with pytest.raises(NotFinite, match=r"gradient ascent diverged: '1\.running_var' holds NaN or infinite values: lower lr"):
        GradAscent(steps=plain(1e-4))(model, problem)
