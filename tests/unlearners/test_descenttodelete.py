"""Descents that are released with noise, and their certificates."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from convex_problems import aligned_logistic
from untrain.core.errors import ModelError, RequestError, SpecError
from untrain.data.examples import Examples, take
from untrain.maths.gaussian_mechanism import epsilon_of, noise_multiplier
from untrain.models.tasks.regression import Regression
from untrain.training.keepers.removalaccount import KeptAccount, RemovalAccount
from untrain.training.learners.convex import Convex, weights_of
from untrain.training.learners.perturbedconvex import PerturbedConvex
from untrain.training.problem import Problem
from untrain.unlearners.descenttodelete import DescentToDelete

LEARNER = Convex(l2=0.05, bias="none", tuned=False, keepers=(RemovalAccount(),))
RATE = 0.25 / (0.25 + 2 * 0.05)  # (beta - mu) / (beta + mu) with mu = 0.05 and beta = 0.25 + 0.05


@pytest.fixture(scope="module")
def data():
    x, y = aligned_logistic()
    return Examples.labelled(torch.as_tensor(x), torch.as_tensor((y > 0).astype(np.int64)), np.arange(4000), 2)


@pytest.fixture(scope="module")
def trained(data):
    return LEARNER.run(data)


def asked(data, rows, kept, learner=LEARNER, before=0, seed=0):
    stays = np.setdiff1d(np.arange(before, len(data)), rows)
    forget, retain = take(data, np.asarray(rows)), take(data, stays)
    return Problem(learner.task.resolve(data), forget, retain, recipe=learner, kept=kept, seed=seed)


def noiseless(outcome):
    return KeptAccount.of(outcome.kept["RemovalAccount"]).weights


def flat(model):
    return weights_of(model, intercept=False)


@pytest.mark.parametrize("form", ["mean", "sum"])
def test_the_distance_to_retraining_is_within_what_was_measured_and_that_within_the_bound(data, form):
    learner = replace(LEARNER, form=form, l2=0.05 if form == "mean" else 200.0)
    model, kept = learner.run(data)
    aim = flat(learner(take(data, np.arange(64, 4000))))
    for iterations in (1, 10, 40):
        outcome = DescentToDelete(iterations=iterations).run(model, asked(data, range(64), kept, learner))
        said = outcome.certificate
        assert np.linalg.norm(noiseless(outcome) - aim) <= said.measured <= said.bound
        slope = 2.0 if form == "mean" else 1.0
        penalty = 0.05 if form == "mean" else 200 / 3936
        rate = 0.25 / (0.25 + 2 * penalty)
        assert said.bound == pytest.approx(rate**iterations * 64 * slope / (penalty * 3936), rel=1e-3, abs=1e-8)
        assert said.std == pytest.approx(said.bound * noise_multiplier(1.0, 1e-5), rel=1e-12)
        assert said.fails == ()
        assert said.guarantee.epsilon == pytest.approx(1.0)


def test_one_step_is_the_gradient_step_of_the_formula(data, trained):
    outcome = DescentToDelete(iterations=1).run(trained[0], asked(data, range(64), trained[1]))
    slope = LEARNER.objective(take(data, np.arange(64, 4000))).at(flat(trained[0])).slope
    assert noiseless(outcome) == pytest.approx(flat(trained[0]) - 2 / (0.05 + 0.3) * slope, abs=1e-14)


def test_noise_is_fresh_and_of_the_size_that_is_said(data, trained):
    method = DescentToDelete(iterations=3)
    few = take(data, np.arange(0, 4000, 40))
    model, kept = LEARNER.run(few)
    outcomes = [method.run(model, asked(few, [5], kept, seed=seed)) for seed in range(12)]
    noise = np.array([flat(o.model) - noiseless(o) for o in outcomes]) / outcomes[0].certificate.std
    assert np.ptp([noiseless(o) for o in outcomes], axis=0).max() == 0
    assert noise.std() == pytest.approx(1.0, abs=0.3)  # 4 standard errors of 96 draws
    assert abs(noise.mean()) < 0.41


def test_planned_releases_spend_the_budget_together_and_the_next_is_told_to_retrain(data, trained):
    method, (model, kept), spent = DescentToDelete(iterations=10, removals=2, releases=3), trained, 0.0
    share = 4 * (4000 + 8 + 16) * 2.0**-52
    away = near = 1e-10 / 0.05 + share / 0.05 * (2.0 + 2 * 0.3 * (2.0 / 0.05 + 1e-10 / 0.05))
    for at in range(3):
        outcome = method.run(model, asked(data, [2 * at, 2 * at + 1], kept, before=2 * at))
        model, kept, said = outcome.model, outcome.kept, outcome.certificate
        whole = away + 4 / (0.05 * (4000 - 2 * at - 2))
        away = RATE**10 * whole + share / 0.05 * (2.0 + 2 * 0.3 * (2.0 / 0.05 + whole))
        assert said.bound == pytest.approx(away + near, rel=1e-12)
        spent += (said.bound / said.std) ** 2
        assert said.guarantee.total == pytest.approx(epsilon_of(math.sqrt(spent), 1e-5))
        assert (said.capacity > said.removed) == (at < 2)
    assert said.guarantee.total == pytest.approx(1.0)
    with pytest.raises(RequestError, match=r"retrain, with Retrain\(\)"):
        method.run(model, asked(data, [6], kept, before=6))


def test_without_a_number_it_goes_on_until_it_is_as_near_as_the_learner_is(data, trained):
    outcome = DescentToDelete(iterations=None).run(trained[0], asked(data, range(9), trained[1]))
    assert outcome.certificate.bound <= 6.0 * 1e-10 / 0.05  # the two gradients, and rounding
    assert noiseless(outcome) == pytest.approx(flat(LEARNER(take(data, np.arange(9, 4000)))), abs=4e-9)


def test_a_huber_loss_is_certified_and_a_squared_one_is_refused(data):
    numbers = Examples({"x": data.x, "y": data.x.sum(1)}, np.arange(4000))
    huber = replace(LEARNER, loss="huber", threshold=0.5, task=Regression())
    model, kept = huber.run(numbers)
    outcome = DescentToDelete().run(model, asked(numbers, range(5), kept, huber))
    aim = flat(huber(take(numbers, np.arange(5, 4000))))
    assert np.linalg.norm(noiseless(outcome) - aim) <= outcome.certificate.measured <= outcome.certificate.bound
    assert outcome.certificate.guarantee is not None
    for other, why in ((replace(huber, loss="squared"), "a gradient of any length"), (replace(huber, l2=0.0), "no step brings")):
        model, kept = other.run(numbers)
        with pytest.raises(SpecError, match=why):
            DescentToDelete().run(model, asked(numbers, [0], kept, other))


def test_what_fails_is_named_and_the_descent_does_not_leave_for_infinity(data):
    for learner, fields, why in (
        (replace(LEARNER, tuned=True), {}, "tuned=True"),
        (LEARNER, {"radius": 0.05}, r"above radius=0\.05"),
        (replace(LEARNER, bias="free"), {"radius": 2.0}, "the bias has no penalty"),
    ):
        model, kept = learner.run(data)
        outcome = DescentToDelete(**fields).run(model, asked(data, [200], kept, learner))
        assert outcome.certificate.guarantee is None
        assert any(note.startswith("not certified") for note in outcome.notes)
        assert re.search(why, outcome.certificate.fails[0])
        assert np.abs(noiseless(outcome)).max() < 50


def test_what_was_not_trained_on_or_stays_too_much_and_what_is_kept_of_another_are_refused(data, trained):
    method, (model, kept) = DescentToDelete(removals=4, releases=2), trained
    one = asked(data, [200], kept)
    for forget in (one.forget.with_inputs(3 * one.forget.x), one.forget.with_fields(y=1 - one.forget.y)):
        with pytest.raises(RequestError, match="the id 200 is none that the model was trained on"):
            method.run(model, replace(one, forget=forget))
    with pytest.raises(RequestError, match="the id 200 is named more often than it was trained on"):
        method.run(model, asked(data, [200, 200], kept))
    first = method.run(model, one)
    for rest in (np.arange(4000), np.arange(1, 4000), np.arange(3000)):  # with what went before, and without too much
        stays = take(data, np.setdiff1d(rest, [201]))
        with pytest.raises(RequestError, match="the retain set is not what the model was trained on without all that goes"):
            method.run(first.model, replace(asked(data, [201], first.kept), retain=stays))
    left = take(data, np.setdiff1d(np.arange(4000), [200, 201]))
    assert method.run(first.model, replace(asked(data, [201], first.kept), retain=left)).certificate.fails == ()
    with pytest.raises(ModelError, match="what was kept is of another model"):
        method.run(LEARNER(left), one)
    with pytest.raises(ModelError, match=r"of another learner, Convex\("):
        method.run(model, replace(one, recipe=replace(LEARNER, tolerance=1e-3)))


def test_a_model_that_a_perturbation_tilted_is_at_no_optimum_of_the_learner_inside(data):
    tilted = PerturbedConvex(by=replace(LEARNER, form="sum", l2=100.0), keepers=LEARNER.keepers)
    model, kept = tilted.run(data, 5)
    with pytest.raises(ModelError, match=r"of another learner, PerturbedConvex\("):
        DescentToDelete().run(model, asked(data, [200], kept, tilted.by))
