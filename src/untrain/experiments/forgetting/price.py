"""The price of training a model again and of a method, by counting and timing one gradient step."""

from __future__ import annotations

import time
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from untrain.core.flops import count_flops
from untrain.data.batching import count
from untrain.data.examples import Examples, batch_of
from untrain.models.tasks.base import Task
from untrain.training.base import Learner
from untrain.training.steps import Steps, epochs_of
from untrain.unlearners.base import Localized, Recipe, Unlearner

TIMED = 3  # steps, after one to warm up
COPIES = 2  # of the weights beside the model: one to change, one to compare with
Method = Unlearner | Recipe


@dataclass(frozen=True)
class StepPrice:
    """The price of one gradient step, and of training again.

    Args:
        seconds: of a step on one batch; None where the learner takes no steps.
        operations: per example, forward and backward; None where none were counted.
        steps: of training again.
        examples: that training again takes forward and backward.
        memory: bytes that weights, gradients and optimizer need, as an estimate.
    """

    seconds: float | None
    operations: float | None
    steps: int
    examples: int
    memory: int

    @property
    def retraining_seconds(self) -> float | None:
        """Seconds of training again."""
        return None if self.seconds is None else self.seconds * self.steps

    @property
    def retraining_operations(self) -> float | None:
        """Operations of training again."""
        return None if self.operations is None else self.operations * self.examples

    def seconds_of(self, method: Method, learner: Learner, retain: int, forget: int) -> float | None:
        """About how many seconds a method takes: its epochs through the retain set, or through the forget set alone."""
        steps = steps_in(method)
        trained = getattr(learner, "steps", None)
        if self.seconds is None or not isinstance(trained, Steps):
            return None
        if steps is None:
            return self.retraining_seconds
        rows = retain if "retain" in method.needed() else forget
        return self.seconds * epochs_of(steps, trained) * rows / trained.batch


def steps_in(method: Method) -> Steps | None:
    """The steps of a method, behind recipes and localizers; None where it has none."""
    inner: Any = method.expand() if isinstance(method, Recipe) else method
    while isinstance(inner, Localized):
        inner = inner.unlearner
    found = getattr(inner, "steps", None)
    return found if isinstance(found, Steps) else None


def step_price(model: nn.Module, learner: Learner, task: Task, train: Examples, retain: int) -> StepPrice:
    """Count and time gradient steps of a learner on a copy of a model.

    Args:
        model: that is trained again.
        learner: how.
        task: of the model.
        train: its data, of which one batch is taken.
        retain: number of examples that training again learns from.
    """
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    steps = getattr(learner, "steps", None)
    if not isinstance(steps, Steps):
        return StepPrice(None, None, 0, retain, size * (2 + COPIES))
    batch = batch_of(train, np.arange(min(len(train), steps.batch)), next(model.parameters()).device)
    copy = deepcopy(model).train()

    def step() -> None:
        task.loss(copy, batch).mean().backward()  # type: ignore[no-untyped-call]

    _, operations = count_flops(step)
    began = time.perf_counter()
    for _ in range(TIMED):
        step()
    seconds = (time.perf_counter() - began) / TIMED
    epochs = epochs_of(steps, None) if isinstance(steps.epochs, int) else 0
    memory = size * (2 + COPIES + steps.optimizer.slots)
    return StepPrice(seconds, operations / len(batch), epochs * count(retain, steps.batch), epochs * retain, memory)
