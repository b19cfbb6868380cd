"""The optimizers that spare a process torch's compiler take torch's own steps."""

import inspect
import sys

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

import untrain as ut
from untrain.training.eager_optimizers import EagerAdamW, EagerSGD


def walked(optimizer_class, **settings):
    """Weights and the optimizer's state after some steps, one of them without a gradient for the bias."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = (torch.randn(shape, generator=generator).requires_grad_() for shape in ((3, 4), (3,)))
    optimizer = optimizer_class([{"params": [weight]}, {"params": [bias], "weight_decay": 0.0}], lr=0.1, **settings)
    for step in range(5):
        optimizer.zero_grad()
        x = torch.randn(8, 4, generator=generator)
        (x @ weight.T + (bias if step != 2 else 0)).square().sum().backward()
        optimizer.step()
    return [weight, bias, *(value for held in optimizer.state.values() for value in held.values())]


@pytest.mark.parametrize(
    ("ours", "theirs", "settings"),
    [
        (EagerSGD, torch.optim.SGD, {}),
        (EagerSGD, torch.optim.SGD, {"momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
        (EagerAdamW, torch.optim.AdamW, {"weight_decay": 0.1}),
    ],
)
def test_steps_are_those_of_torch_to_the_bit(ours, theirs, settings):
    ours, theirs = walked(ours, **settings), walked(theirs, **settings)
    assert len(ours) == len(theirs)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_hooks_of_torch_run(request):
    seen = []
    handle = register_optimizer_step_pre_hook(lambda optimizer, *_: seen.append(type(optimizer)))
    request.addfinalizer(handle.remove)
    walked(EagerSGD)
    assert seen == [EagerSGD] * 5


@pytest.mark.parametrize("optimizer", [ut.SGD(), ut.AdamW()])
def test_training_loads_no_compiler(optimizer, monkeypatch):
    examples = ut.Examples.labelled(torch.randn(40, 1, 4, 4), torch.arange(40) % 2, range(40), 2)
    learner = ut.Train(model=ut.ConvNet(width=4), steps=ut.Steps(lr=0.1, epochs=1, batch=8, optimizer=optimizer))
    monkeypatch.setattr(torch, "manual_seed", inspect.unwrap(torch.manual_seed))  # which the compiler wraps once it is loaded
    monkeypatch.setitem(sys.modules, "torch._dynamo", None)  # to import it is an error
    learner.run(examples)
