"""Inputs of a batch as numbers by which outputs can be differentiated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from untrain.core.errors import ModelError
from untrain.data.examples import Batch
from untrain.models.tasks.base import Task


def with_real_inputs(task: Task, batch: Batch, who: str) -> Batch:
    """The batch with inputs as a model is shown them, as numbers that require a gradient.

    >>> from untrain.models.tasks.classification import Classification
    >>> batch = Batch.labelled(torch.tensor([[0, 255]], dtype=torch.uint8), torch.tensor([1]))
    >>> with_real_inputs(Classification(), batch, "MUMis").x
    tensor([[0., 1.]], requires_grad=True)

    Raises:
        ModelError: inputs are whole numbers, such as tokens.
    """
    x = task.inputs(batch)
    if not x.dtype.is_floating_point:
        raise ModelError(f"{who} takes gradients by inputs, and these are {x.dtype}: real numbers are needed")
    return batch.with_fields(**{next(iter(batch.fields)): x.detach().clone().requires_grad_()})


def input_gradient(output: Tensor, x: Tensor, again: bool = False) -> Tensor:
    """Gradient of a scalar by inputs, of their shape.

    Args:
        output: the scalar.
        x: the inputs.
        again: whether the gradient itself is differentiated later.

    Raises:
        ModelError: the scalar does not depend on them.
    """
    found = torch.autograd.grad(output, x, create_graph=again, allow_unused=True)[0] if output.requires_grad else None
    if found is None:
        raise ModelError("the outputs do not depend on the inputs by a gradient: take a method that needs none by inputs")
    return found


@contextmanager
def twice_differentiable(model: nn.Module) -> Iterator[None]:
    """Within, attention is computed so that its gradient has a gradient, and no compiled form of the model is used."""
    compiled = model._compiled_call_impl
    model._compiled_call_impl = None
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        model._compiled_call_impl = compiled
