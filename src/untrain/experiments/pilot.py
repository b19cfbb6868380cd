"""The pilot: gradient steps of a learner and of a method, counted, and a few of them timed."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from untrain.core.errors import UntrainError
from untrain.core.foreign import foreign
from untrain.core.precision import computing
from untrain.data.batching import count
from untrain.data.examples import take
from untrain.experiments.keys import Method
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.models.inference import predict
from untrain.training.steps import Steps, epochs_of
from untrain.unlearners.base import Localized, Recipe

WARM, TIMED = 2, 6  # gradient steps that are not timed, and that are
ASKED = 512  # examples at most whose outputs are timed


def epochs_in(scene: Scene) -> int | None:
    """Epochs of a scene's learner; None where it has no steps."""
    steps = getattr(scene.learner, "steps", None)
    return epochs_of(steps, None) if isinstance(steps, Steps) else None


def steps_of(scene: Scene, rows: int) -> int | None:
    """Number of gradient steps in which a scene's learner trains on ``rows`` examples."""
    epochs = epochs_in(scene)
    return None if epochs is None else epochs * count(rows, scene.learner.steps.batch)  # type: ignore[attr-defined]


def method_steps(scene: Scene, method: Method) -> float | None:
    """Number of gradient steps of a method, in steps of the learner: passes over the retain set; retraining's without steps."""
    inner = method.expand() if isinstance(method, Recipe) else method
    while isinstance(inner, Localized):
        inner = inner.unlearner
    steps, learner = getattr(inner, "steps", None), getattr(scene.learner, "steps", None)
    if not isinstance(steps, Steps) or not isinstance(learner, Steps):
        return steps_of(scene, scene.count_remaining)
    return epochs_of(steps, learner) * scene.count_remaining / learner.batch


def pilot(scene: Scene, setting: Setting) -> float | None:
    """Seconds per gradient step of a scene's learner on its data, with a share of the time to compute outputs once.

    None where the learner has no steps, or fails. The learner seeds itself, so nobody else's draws change.
    """
    learner, train = scene.learner, scene.data.train
    steps = getattr(learner, "steps", None)
    if not isinstance(steps, Steps):
        return None
    brief = replace(learner, steps=replace(steps, epochs=1))  # type: ignore[call-arg]
    threads = torch.get_num_threads()
    torch.set_num_threads(setting.threads)
    try:
        with computing(setting.precision):
            brief(take(train, np.arange(min(len(train), WARM * steps.batch))), 0)
            some = take(train, np.arange(min(len(train), TIMED * steps.batch)))
            began = time.perf_counter()
            model = brief(some, 0)
            each = (time.perf_counter() - began) / count(len(some), steps.batch)
            few = take(train, np.arange(min(len(train), ASKED)))
            began = time.perf_counter()
            with foreign(repr(learner)):
                predict(model, few, scene.task)
            asking = (time.perf_counter() - began) / len(few) * (len(train) + len(scene.data.test))
    except UntrainError:
        return None
    finally:
        torch.set_num_threads(threads)
    return each + asking / max(1, steps_of(scene, len(train)) or 1)
