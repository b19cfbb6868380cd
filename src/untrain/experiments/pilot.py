"""Pilots: gradient steps of a learner and of a method, counted, and a few of them timed, of a model alone or of a small stack."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from untrain.core.errors import UntrainError
from untrain.core.foreign import foreign
from untrain.core.precision import computing
from untrain.data.batching import count
from untrain.data.examples import Examples, take
from untrain.experiments.keys import Method
from untrain.experiments.populations.strategy import Strategy, choose_strategy, split_members
from untrain.experiments.scene import Scene
from untrain.experiments.setting import Setting
from untrain.models.inference import predict
from untrain.runtime.executors.serial import SerialPool
from untrain.runtime.threads import threads
from untrain.training import linear_probe
from untrain.training.stacked.stack import Member, train_together
from untrain.training.steps import Steps, epochs_of
from untrain.unlearners.base import Localized, Recipe

WARM, TIMED = 2, 6  # gradient steps that are not timed, and that are
ASKED = 512  # examples at most whose outputs are timed
STACK, PASSES = 64, 5  # models of a small stack, and passes over the timed steps' examples: making the stack is timed too


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
    try:
        with computing(setting.precision), threads(setting.threads):
            brief(take(train, np.arange(min(len(train), WARM * steps.batch))), 0)
            some = take(train, np.arange(min(len(train), TIMED * steps.batch)))
            began = time.perf_counter()
            model = brief(some, 0)
            each = (time.perf_counter() - began) / count(len(some), steps.batch)
            few = take(train, np.arange(min(len(train), ASKED)))
            began = time.perf_counter()
            with foreign(learner):
                predict(model, few, scene.task)
            asking = (time.perf_counter() - began) / len(few) * (len(train) + len(scene.data.test))
    except UntrainError:
        return None
    return each + asking / max(1, steps_of(scene, len(train)) or 1)


def member_strategy(scene: Scene, setting: Setting) -> Strategy:
    """The default training of models of a population, each on a half of a scene's training data."""
    return choose_strategy(scene.learner, _plain(scene), _halves(scene, 2), "auto", SerialPool(setting.threads))


def stack_pilot(scene: Scene, setting: Setting, strategy: Strategy, models: int, workers: int) -> float | None:
    """Seconds that each of some models takes that are trained stacked on halves of the training data, and asked about all data.

    A stack as small as ``STACK`` is made, trained for a few steps and asked about a few examples. None where it fails.

    Args:
        scene: data and learner.
        setting: where the models are made.
        strategy: that of ``member_strategy``, which stacks whole models or their heads.
        models: number of models to make.
        workers: number of processes among which they are divided.
    """
    learner, task, train = scene.learner, scene.task, _plain(scene)
    steps, asked = learner.steps, len(train) + len(scene.data.test)  # type: ignore[attr-defined]
    some, few = (take(train, np.arange(min(len(train), n))) for n in (TIMED * steps.batch, ASKED))
    try:
        keys = {str(at): member for at, member in enumerate(_halves(scene, models))}
        size = min(STACK, max(map(len, split_members(strategy, learner, train, keys, asked, workers))))
        members = [Member(np.arange(len(some)), seed) for seed in range(size)]
        with computing(), threads(setting.threads), foreign(learner):
            began = time.perf_counter()
            stacked = [learner.init(train, member.seed) for member in members]
            once = (time.perf_counter() - began) / size
            if strategy.kind == "heads":
                began = time.perf_counter()
                some, few = (linear_probe.features(stacked[0], examples, task) for examples in (some, few))
                once += (time.perf_counter() - began) / (len(some) + len(few)) * asked / models
                stacked = [linear_probe.head(model) for model in stacked]
            train_together(stacked, some, members, replace(steps, epochs=1), task)  # warms up
            began = time.perf_counter()
            stack = train_together(stacked, some, members, replace(steps, epochs=PASSES), task)
            each = (time.perf_counter() - began) / (PASSES * count(len(some), steps.batch))
            began = time.perf_counter()
            stack.predict(few, task)
            asking = (time.perf_counter() - began) / len(few) * asked
    except UntrainError:
        return None
    return once + (each * (steps_of(scene, len(train) // 2) or 0) + asking) / size


def _halves(scene: Scene, models: int) -> list[Member]:
    """Members of a population that stand for those which will be drawn."""
    half = np.arange(max(1, len(scene.data.train) // 2))
    return [Member(half, seed) for seed in range(models)]


def _plain(scene: Scene) -> Examples:
    """The training data as members of a population are given them."""
    return replace(scene.data.train, true=None, columns={}, features=())
