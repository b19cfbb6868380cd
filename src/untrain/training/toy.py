"""Small problems that promises are tried on, and the state that is compared before and after."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core import discovery
from untrain.core.contract import require
from untrain.core.errors import SpecError
from untrain.core.spec import Spec
from untrain.data.examples import Examples, batch_of, prototype, take
from untrain.models.architectures.convnet import ConvNet
from untrain.models.convex_model import ConvexModel
from untrain.models.state import same, state
from untrain.models.tasks.base import Task
from untrain.models.tasks.classification import Classification
from untrain.training.base import Learner
from untrain.training.effects import Effects
from untrain.training.keepers.base import Kept
from untrain.training.keepers.inputcovariance import InputCovariance, input_moments
from untrain.training.learners.convex import Convex
from untrain.training.learners.retrieval import Retrieval
from untrain.training.learners.sisa import SISA
from untrain.training.learners.stream import Stream
from untrain.training.learners.train import Train
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps

STEPS = Steps(lr=0.05, epochs=4, batch=16, schedule=Constant())
CLASSES, SIDE, FORGET, TOTAL, VALID, UNITS = 3, 6, 12, 60, 12, 12


def _separable() -> Examples:
    """Examples to train on, and held-out ones after them."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(TOTAL + VALID) % CLASSES
    patterns = torch.randn(CLASSES, 1, SIDE, SIDE, generator=draw)
    noise = [torch.randn(n, 1, SIDE, SIDE, generator=draw) for n in (TOTAL, VALID)]
    return Examples.labelled(patterns[y] + 0.3 * torch.cat(noise), y, np.arange(TOTAL + VALID), CLASSES)


@lru_cache(maxsize=8)
def _trained(kind: type = nn.Module) -> tuple[Examples, Learner, nn.Module, Kept]:
    data = take(_separable(), np.arange(TOTAL))
    found = tuple(discovery.load(place.name)() for place in discovery.of_role("keeper"))
    convex = Convex(l2=0.05, keepers=tuple(keeper for keeper in found if issubclass(ConvexModel, keeper.works_on)))
    keepers = tuple(keeper for keeper in found if keeper.works_on is nn.Module)
    shards = SISA(model=ConvNet(width=4), shards=3, slices=2, steps=STEPS)
    for learner in (Train(model=ConvNet(width=4), steps=STEPS, keepers=keepers), Stream(), Retrieval(), shards, convex):
        model, kept = learner.run(data, 0)
        if isinstance(model, kind):
            return data, learner, model, kept
    raise SpecError(f"there is no small problem for models of kind {kind.__name__}")


def small(kind: type = nn.Module) -> tuple[nn.Module, Problem]:
    """A trained network with batch norm, in eval mode, and the request to forget 12 of its 60 separable examples.

    The problem has all that a method may need: held-out examples, what keepers saved, a retrained model, and exact effects.

    Args:
        kind: of model; where a method works on one kind of model alone, such as a memory, one of that kind of the same examples.
    """
    data, learner, model, kept = _trained(kind)
    rows = np.arange(TOTAL)

    blank = prototype(data)

    def init(seed: int) -> nn.Module:
        return learner.init(blank, seed)

    forget, retain = take(data, rows[:FORGET]), take(data, rows[FORGET:])
    kept = {name: {n: value.clone() for n, value in saved.items()} for name, saved in kept.items()}
    valid = take(_separable(), np.arange(TOTAL, TOTAL + VALID))
    oracles, effects = _retrained() if kind is nn.Module else ((), None)
    return deepcopy(model), Problem(
        Classification(), forget, retain, valid, init=init, recipe=learner, seed=3, origin=0, kept=kept, oracles=oracles,
        effects=effects,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _retrained() -> tuple[tuple[nn.Module, ...], Effects]:
    """The network trained without the forget set, and what the forget set did to its outputs."""
    data, learner, model, _ = _trained()
    sides, task = [take(data, rows) for rows in np.split(np.arange(TOTAL), [FORGET])], Classification(classes=CLASSES)
    oracle = learner(sides[1], 7)
    return (oracle,), effects_of(model, oracle, task, sides[0], sides[1])


def effects_of(model: nn.Module, oracle: nn.Module, task: Task, forget: Examples, retain: Examples) -> Effects:
    """Differences of one model's outputs from another's on both sides: exact effects of what the other did not see."""
    with torch.no_grad():
        batches = [batch_of(e, np.arange(len(e))) for e in (forget, retain)]
        less = [task.forward(model, batch) - task.forward(oracle, batch) for batch in batches]
    return Effects(less[0], less[1])


def kept_of(model: nn.Module, data: Examples, task: Task) -> Kept:
    """The save of ``InputCovariance`` for a trained model, as far as it sees into it."""
    return {InputCovariance.__name__: input_moments(model.eval(), data, task.resolve(data))}


def neuron(unit: int) -> tuple[nn.Module, Problem]:
    """A network of two layers and 12 hidden units, of which the forget set, predicted right, wakes only ``unit``."""
    draw = torch.Generator().manual_seed(1)
    hidden, head = nn.Linear(UNITS, UNITS), nn.Linear(UNITS, CLASSES)
    with torch.no_grad():
        hidden.weight.copy_(torch.eye(UNITS) + 0.02 * torch.randn(UNITS, UNITS, generator=draw))
        hidden.bias.fill_(-1.0)
        head.weight.copy_(torch.randn(CLASSES, UNITS, generator=draw))
        head.bias.zero_()
    x = 0.1 * torch.rand(9, UNITS, generator=draw)
    x[:, unit] += 3.0
    model = nn.Sequential(hidden, nn.ReLU(), head).eval()
    with torch.no_grad():
        forget = Examples.labelled(x, model(x).argmax(1), np.arange(9), CLASSES)
    retain = forget.with_fields(x=torch.roll(x, 1, 1))
    return model, Problem(Classification(), forget, retain, seed=3)


def _sight(model: nn.Module | None, *sets: Examples) -> dict[str, Any]:
    """All that a method might change in what it was given, by name."""
    seen: dict[str, Any] = {} if model is None else dict(state(model))
    for name, p in [] if model is None else model.named_parameters():
        seen[f"requires_grad of {name}"] = p.requires_grad
        seen[f"gradient of {name}"] = None if p.grad is None else p.grad.clone()
    for name, part in [] if model is None else model.named_modules():
        seen[f"mode of {name or 'the model'}"] = part.training
    for at, examples in enumerate(sets):
        seen |= {
            f"inputs {at}": examples.x[:].clone(),
            f"labels {at}": examples.y[:].clone(),
            f"ids {at}": examples.ids.tolist(),
        }
    return seen


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Names of what differs between two sights, or two states, of the same things."""

    def equal(a: Any, b: Any) -> bool:
        return same(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else bool(a is b or a == b)

    return [name for name in before | after if not equal(before.get(name), after.get(name))]


def undone(made: Spec, model: nn.Module | None, sets: tuple[Examples, ...], act: Callable[[], Any]) -> None:
    """Hold that ``act`` leaves the model and the examples as they were."""
    before = _sight(model, *sets)
    act()
    changed = changes(before, _sight(model, *sets))
    require(not changed, made, f"changed what it was given: {', '.join(changed[:3])}")


def marked(model: nn.Module) -> nn.Module:
    """The model with gradients, mixed modes and a frozen parameter, so that a change of any of them shows."""
    model.train(False)
    next(model.children(), model).train()
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    list(model.parameters())[:3][-1].requires_grad_(False)
    return model
