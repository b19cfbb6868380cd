"""Knowledge of the forget set that a model still shows once its weights or its inputs are changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from untrain.data.examples import Examples
from untrain.evaluation.base import Array, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observers.base import ObserverContext
from untrain.models.inference import signal
from untrain.models.tasks.base import Signal, Task, success_of

CERTAINTY: Signal = "confidence"
WEAK = "depends on how much is taken away: with too much all models are lost, and with too little none changes"
BACK = "hides: with changed weights it knows more than retrained models changed alike"


def known(model: nn.Module, sight: ObserverContext, change: Callable[[Tensor], Tensor]) -> Array:
    """Probability of each target of the forget set before and after a change of all weight matrices, (n, 2).

    Where a task has no probabilities it is what the task counts as success.

    Args:
        model: stays as it is.
        sight: the forget set and the task.
        change: a weight of two or more dimensions -> another of its shape.
    """
    changed = deepcopy(model)
    with torch.no_grad():
        for p in changed.parameters():
            if p.ndim > 1:
                p.copy_(change(p))
    return np.stack([certainty(each, sight.forget, sight.task) for each in (model, changed)], axis=-1)


def certainty(model: nn.Module, examples: Examples, task: Task) -> Array:
    """Probability of each target, or what the task counts as success where it has no probabilities, (n,)."""
    return signal(model, examples, task, CERTAINTY if CERTAINTY in task.signals else success_of(task).signal)


def infos(prefix: str, done: str, back: str = BACK) -> Mapping[str, ScoreInfo]:
    """Glossary of the scores of ``compared``.

    Args:
        prefix: of their names.
        done: what is done to the models, in words.
        back: what a value above the oracles' means.
    """
    means = f"mean probability of the targets in the forget set, of models {done}"
    return {
        f"{prefix}_forget": ScoreInfo(
            means, "fraction", "the oracles' value", WEAK,
            above=back, margin=0.02,
        ),
        f"{prefix}_change": ScoreInfo(
            f"{means}, minus that before", "fraction", "the oracles' value",
            WEAK, low=-1.0,
        ),
    }  # fmt: skip


def compared(prefix: str, trial: Prepared) -> dict[str, Measured | str]:
    """Probability after the change, and what the change made of it."""
    before, after = trial.unlearned[..., 0], trial.unlearned[..., 1]
    return {
        f"{prefix}_forget": Measure((Part(1, "unlearned", "forget", after),)),
        f"{prefix}_change": Measure((Part(1, "unlearned", "forget", after), Part(-1, "unlearned", "forget", before))),
    }
