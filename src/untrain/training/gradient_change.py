"""Changes of the gradient of a model's loss by a request."""

from __future__ import annotations

from torch import Tensor, nn

from untrain.training.gradients import Params, of_mean
from untrain.training.problem import Problem


def gradient_change(model: nn.Module, problem: Problem, params: Params) -> Tensor:
    """Gradient of the losses of the examples that take the place of others, less that of those that go, as one vector, (p,).

    Losses are added up. Of a removal nothing comes, and of ``(w x - y)^2 / 2`` with x = 1, y = 3 at w = 1 goes -2:

    >>> import numpy as np
    >>> import torch
    >>> from untrain.data.examples import Examples, take
    >>> from untrain.models.tasks.regression import Regression
    >>> line = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.ones_(line.weight)
    >>> data = Examples({"x": torch.ones(2, 1), "y": torch.tensor([3.0, 1.0])}, np.arange(2))
    >>> asked = Problem(Regression(), take(data, np.array([0])), take(data, np.array([1])))
    >>> gradient_change(line, asked, dict(line.named_parameters())).tolist()
    [2.0]

    Raises:
        NotFinite: a gradient is NaN or infinite.
    """
    gone = len(problem.forget) * of_mean(model, problem.task, problem.forget, params)
    come = problem.replacement
    if come is None or not len(come):
        return -gone
    return len(come) * of_mean(model, problem.task, come, params) - gone
