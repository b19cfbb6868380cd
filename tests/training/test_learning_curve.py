"""A curve is read off the gradient loop and changes nothing of it."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from untrain.core.metering import metered, off_the_clock
from untrain.models.inference import signal
from untrain.models.state import same, state
from untrain.training.learning_curve import POINTS, LearningCurve
from untrain.training.step_watchers import step_watchers, watching_steps
from untrain.training.steps import Constant, Steps
from untrain.training.toy import small
from untrain.training.toy_text import small_text
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.scrub import SCRUB
from untrain.unlearners.unsir import UNSIR

STEPS = Steps(lr=0.05, epochs=5, batch=8, schedule=Constant())


def kept(method, made=small):
    model, problem = made()
    curve = LearningCurve(model, problem.task, problem.forget, problem.retain)
    with watching_steps(curve):
        outcome = method.run(model, problem)
    assert step_watchers() == ()
    return curve.finish(outcome.model), outcome, problem


@pytest.mark.parametrize("method", [Finetune(steps=STEPS), SCRUB(), UNSIR(steps=STEPS, repair=STEPS)], ids=["one", "two", "three"])
def test_it_changes_neither_the_model_nor_what_is_counted(method):
    _, outcome, _ = kept(method)
    plain = method.run(*small())
    assert all(same(a, b) for a, b in zip(state(outcome.model).values(), state(plain.model).values(), strict=True))
    for name in ("forward", "backward", "flops"):
        assert getattr(outcome.cost, name) == getattr(plain.cost, name)


@pytest.mark.parametrize("made", [small, small_text], ids=["images", "texts"])
def test_its_last_point_is_the_finished_model_and_its_first_the_given_one(made):
    curve, outcome, problem = kept(Finetune(steps=replace(STEPS, batch=16)), made)
    model, _ = made()
    for at, each in ((0, model), (-1, outcome.model)):
        for name, examples in (("forget", problem.forget), ("retain", problem.retain)):
            rows = np.unique(np.linspace(0, len(examples) - 1, min(32, len(examples))).astype(int))
            assert curve[name][at] == pytest.approx(float(signal(each, examples, problem.task, "correct")[rows].mean()))
    assert curve["step"][0] == 0
    assert curve["step"][-1] == 5 * 3  # 48 retain examples in batches of 16, five times
    assert curve["loss"][0] is None


def test_points_stay_few_and_even_and_each_loss_is_the_mean_of_its_steps():
    model, problem = small()
    curve = LearningCurve(model, problem.task, problem.forget, None)
    for step in range(1, 101):
        curve.after_step(model, torch.tensor(float(step)))
    points = curve.points[1:]
    stride = points[0]["step"]
    assert POINTS / 2 <= len(points) <= POINTS
    assert [each["step"] for each in points] == [stride * (at + 1) for at in range(len(points))]
    for each in points:
        assert each["loss"] == pytest.approx(each["step"] - (stride - 1) / 2)
    assert curve.finish(model)["step"][-1] == 100


def test_another_model_that_a_method_trains_is_left_out():
    model, problem = small()
    curve = LearningCurve(model, problem.task, problem.forget, problem.retain)
    curve.after_step(torch.nn.Linear(2, 2), torch.tensor(1.0))
    assert curve.finish(torch.nn.Linear(2, 2))["step"] == [0]


def test_its_seconds_are_in_no_count():
    with metered() as outer, metered() as inner:
        began = [meter.started for meter in (outer, inner)]
        with off_the_clock():
            time.sleep(0.02)
        assert all(meter.started - start >= 0.02 for meter, start in zip((outer, inner), began, strict=True))
