"""Loss and accuracy by step, kept of a method as it works: read off the one gradient loop, on a small fixed sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.metering import off_the_clock
from untrain.data.examples import Batch, Examples, batch_of
from untrain.models.tasks.base import Signal, Task

POINTS = 20  # of a curve, before the one at its end
SAMPLE = 32  # examples of each set


class LearningCurve:
    """The points of a curve; of ``POINTS`` every second goes, so that they lie evenly however many steps there are.

    Args:
        model: the model before the first step, by the names of whose parameters another one that a method trains is left out.
        task: measures the outputs: being right, or the loss where a task has no such thing.
        forget: sample of the forget set.
        retain: sample of the retain set; None where there is none.
    """

    def __init__(self, model: nn.Module, task: Task, forget: Examples, retain: Examples | None):
        self.task = task
        self.measure: Signal = "correct" if "correct" in task.signals else "loss"
        sets = {"forget": forget, "retain": retain}
        self._samples = {name: (each, _spread(len(each))) for name, each in sets.items() if each is not None and len(each)}
        self._names = _names(model)
        self._step, self._stride, self._loss = 0, 1, torch.zeros(())
        self._counted = 0
        self.points: list[dict[str, Any]] = [self._point(model, None)]

    def after_step(self, model: nn.Module, loss: Tensor) -> None:
        """Note the loss of a step, and at every stride what the model knows of the samples."""
        if _names(model) != self._names:
            return
        self._step += 1
        self._counted += 1
        self._loss = self._loss.to(loss.device) + loss.detach()
        if self._step % self._stride:
            return
        self.points.append(self._point(model, float(self._loss) / self._counted))
        self._loss, self._counted = torch.zeros(()), 0
        if len(self.points) > POINTS:
            self._thin()

    def finish(self, model: nn.Module) -> dict[str, Any]:
        """The curve as a document, its last point that of the finished model."""
        if _names(model) == self._names:
            last = float(self._loss) / self._counted if self._counted else self.points[-1]["loss"]
            end = self._point(model, last)
            self.points = [each for each in self.points if each["step"] < self._step or each["step"] == 0] + [end] * (
                self._step > 0
            )
        names = ("step", "loss", *self._samples)
        return {"measure": self.measure, "sample": SAMPLE} | {name: [each[name] for each in self.points] for name in names}

    def _thin(self) -> None:
        """Keep every second point; its loss is the mean over the steps of both."""
        first, *others = self.points
        pairs = zip(others[::2], others[1::2], strict=False)
        self.points = [first, *(late | {"loss": (early["loss"] + late["loss"]) / 2} for early, late in pairs)]
        self._stride *= 2

    def _point(self, model: nn.Module, loss: float | None) -> dict[str, Any]:
        with off_the_clock():
            return {"step": self._step, "loss": loss} | {name: self._value(model, *each) for name, each in self._samples.items()}

    def _value(self, model: nn.Module, examples: Examples, rows: np.ndarray[Any, Any]) -> float:
        """Mean of the measure on a sample, of the model in eval mode; modes and random states are as before."""
        device = next(model.parameters()).device
        modes = [(part, part.training) for part in model.modules()]
        batch = batch_of(examples, rows, device)
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                stored = self.task.store(self.task.forward(model.eval(), batch), batch)
        finally:
            for part, was in modes:
                part.training = was
        outputs = {name: value.float().cpu().numpy()[None] for name, value in stored.items()}
        return float(np.mean(self.task.signal(outputs, _targets(batch), self.measure)[0]))


def _targets(batch: Batch) -> np.ndarray[Any, Any]:
    return np.asarray(batch.y.cpu().numpy())


def _spread(count: int) -> np.ndarray[Any, Any]:
    """Rows of a sample, evenly spread over a set."""
    return np.unique(np.linspace(0, count - 1, min(count, SAMPLE)).astype(np.int64))


def _names(model: nn.Module) -> Mapping[str, torch.Size]:
    return {name: p.shape for name, p in model.named_parameters()}
