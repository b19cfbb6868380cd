"""Going on without the forget set."""

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
from untrain.unlearners.finetune import Finetune


def test_the_forget_set_has_no_part_in_it():
    model, problem = small()
    steps = Steps(lr=0.05, epochs=2)
    spoiled = replace(problem, forget=problem.forget.with_fields(x=problem.forget.x * 50, y=0 * problem.forget.y))
    one, other = Finetune(steps=steps)(model, problem), Finetune(steps=steps)(model, spoiled)
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_one_step_from_zero_is_the_mean_gradient_on_retain():
    model = nn.Linear(1, 2)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    retain = Examples.labelled(torch.zeros(4, 1), torch.tensor([0, 0, 0, 1]), np.arange(4), 2)
    forget = Examples.labelled(torch.zeros(4, 1), torch.tensor([1, 1, 1, 1]), np.arange(4), 2)
    steps = Steps(lr=0.4, epochs=1, optimizer=SGD(momentum=0), schedule=Constant())
    forgot = Finetune(steps=steps)(model, Problem(Classification(), forget, retain))
    assert forgot.bias.tolist() == pytest.approx([0.1, -0.1])
