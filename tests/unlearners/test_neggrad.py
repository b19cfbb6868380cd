"""NegGrad+."""

import numpy as np
import pytest
import torch
from torch import nn

from untrain.data.examples import Examples
from untrain.models.tasks.choice import Choice
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.neggrad import NegGrad


class Product(Choice):
    """A task whose loss is weight times input."""

    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        return outputs[:, 0]


@pytest.mark.parametrize(("alpha", "slope"), [(0.95, 0.85), (1.0, 1.0), (0.0, -2.0), (0.5, -0.5)])
def test_the_slope_is_alpha_of_retain_less_the_rest_of_forget(alpha, slope):
    # Gradients of the two losses are 1 and 2.
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.fill_(3.0)
    sides = [Examples.labelled(torch.full((4, 1), x), torch.zeros(4).long(), np.arange(4), 1) for x in (2.0, 1.0)]
    steps = Steps(lr=0.1, epochs=1, optimizer=SGD(momentum=0), schedule=Constant())
    forgot = NegGrad(alpha=alpha, steps=steps)(model, Problem(Product(), *sides))
    assert float(forgot.weight.detach()) == pytest.approx(3 - 0.1 * slope)


def test_with_all_weight_on_retain_it_is_finetuning_bit_for_bit():
    steps = Steps(lr=0.05, epochs=3, batch=8)
    one, other = NegGrad(alpha=1.0, steps=steps)(*small()), Finetune(steps=steps)(*small())
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_the_loss_on_forget_rises():
    model, problem = small()
    forgot = NegGrad(alpha=0.0, steps=Steps(lr=0.01, epochs=2, batch=16, buffers="freeze"))(model, problem)
    before, after = (float(problem.task.loss(m, problem.forget).mean().detach()) for m in (model, forgot))
    assert after > before


def test_forget_batches_never_enter_batch_statistics():
    model = nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 2))
    retain = Examples.labelled(torch.tensor([[1.0], [2.0], [6.0], [7.0]]), torch.tensor([0, 0, 1, 1]), np.arange(4), 2)
    forget = Examples.labelled(torch.full((4, 1), 500.0), torch.tensor([0, 0, 1, 1]), np.arange(4, 8), 2)
    forgot = NegGrad(steps=Steps(lr=0.01, epochs=2))(model, Problem(Classification(), forget, retain))
    assert float(forgot[0].running_mean) == pytest.approx(4 * (1 - 0.9**2))
