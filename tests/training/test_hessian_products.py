from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import NotFinite
from untrain.core.metering import metered
from untrain.data.examples import Examples, batch_of, take
from untrain.models.tasks.regression import Regression
from untrain.training.hessian_products import HessianProducts
from untrain.training.toy import small


def dense(model, task, examples, params):
    """The Hessian of the mean loss, by torch's own second derivatives, (p, p)."""
    batch = batch_of(examples, np.arange(len(examples)))

    def loss(*values):
        outputs = torch.func.functional_call(model, dict(zip(params, values, strict=True)), (task.inputs(batch),))
        return task.loss_of(outputs, batch).mean()

    blocks = torch.autograd.functional.hessian(loss, tuple(params.values()))
    sizes = [p.numel() for p in params.values()]
    rows = [torch.cat([b.reshape(n, -1) for b in row], 1) for n, row in zip(sizes, blocks, strict=True)]
    return torch.cat(rows).detach()


@dataclass
class Trial:
    """A small network with batch norm in float64, its smaller parameters, and a direction."""

    model: nn.Module
    task: object
    examples: Examples
    params: dict
    v: torch.Tensor


@pytest.fixture
def trial():
    model, problem = small()
    model = model.double()
    params = {n: p for n, p in model.named_parameters() if p.numel() < 300}
    size = sum(p.numel() for p in params.values())
    v = torch.randn(size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return Trial(model, problem.task, problem.retain.with_inputs(problem.retain.x.double()), params, v)


def test_products_are_those_of_the_matrix(trial):
    products = HessianProducts(trial.model, trial.task, trial.examples, trial.params)
    assert torch.allclose(
        products.times(trial.v), dense(trial.model, trial.task, trial.examples, trial.params) @ trial.v, rtol=1e-9, atol=1e-12
    )
    assert all(p.grad is None for p in trial.model.parameters())


def test_products_over_some_rows_are_those_of_their_mean(trial):
    rows = np.array([3, 0, 7])
    products = HessianProducts(trial.model, trial.task, trial.examples, trial.params)
    few = dense(trial.model, trial.task, take(trial.examples, rows), trial.params)
    assert torch.allclose(products.times(trial.v, rows), few @ trial.v, rtol=1e-9, atol=1e-12)


def test_a_parameter_that_the_loss_does_not_follow_has_no_curvature():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.w, self.idle = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(2))

        def forward(self, x):
            return x * self.w

    model, examples = Idle(), Examples({"x": torch.full((4, 1), 2.0), "y": torch.ones(4)}, np.arange(4))
    products = HessianProducts(model, Regression(), examples, dict(model.named_parameters()))
    assert products.times(torch.ones(3)).tolist() == [4.0, 0.0, 0.0]


def test_work_is_counted_for_each_example(trial):
    with metered() as meter:
        HessianProducts(trial.model, trial.task, trial.examples, trial.params).times(trial.v)
    assert (meter.forward, meter.backward) == (48, 48)
    assert meter.flops > 0


def test_what_is_not_finite_is_refused(trial):
    with torch.no_grad():
        next(iter(trial.params.values())).fill_(torch.nan)
    with pytest.raises(NotFinite, match="second derivative"):
        HessianProducts(trial.model, trial.task, trial.examples, trial.params).times(trial.v)
