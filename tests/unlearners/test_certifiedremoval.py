"""Newton steps from perturbed objectives, and what their certificates say."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from convex_problems import aligned_logistic
from untrain.core.errors import ModelError, RequestError, SpecError
from untrain.data.examples import Examples, take
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.perturbed_removal import residual_step
from untrain.models.tasks.regression import Regression
from untrain.training.keepers.removalaccount import RemovalAccount
from untrain.training.learners.convex import Convex, weights_of
from untrain.training.learners.perturbedconvex import PerturbedConvex
from untrain.training.problem import Problem
from untrain.unlearners import certifiedremoval
from untrain.unlearners.certifiedremoval import CertifiedRemoval

BY = Convex(l2=100.0, form="sum", bias="none", tuned=False, keepers=(RemovalAccount(),))
LEARNER = PerturbedConvex(by=BY, std=10.0, keepers=BY.keepers)


@pytest.fixture(scope="module")
def data():
    x, y = aligned_logistic()
    return Examples.labelled(torch.as_tensor(x), torch.as_tensor((y > 0).astype(np.int64)), np.arange(4000), 2)


@pytest.fixture(scope="module")
def trained(data):
    return LEARNER.run(data, 5)


def asked(data, rows, kept, learner=LEARNER, before=0):
    """The problem of removing some rows of those from ``before`` on."""
    stays = np.setdiff1d(np.arange(before, len(data)), rows)
    return Problem(learner.task.resolve(data), take(data, np.asarray(rows)), take(data, stays), recipe=learner, kept=kept)


def flat(model):
    return weights_of(model, intercept=False)


def pull(learner, data, model):
    """Gradient of the objective without its perturbation, times its rows: less the perturbation, at an optimum."""
    objective = learner.by.objective(data)
    return objective.at(flat(model)).slope / objective.share


def test_the_perturbation_is_drawn_from_the_seed_and_is_as_large_as_is_said(data):
    few = take(data, np.arange(0, 4000, 40))
    pulls = np.concatenate([pull(LEARNER, few, LEARNER.learn(few, seed)) for seed in range(40)])
    assert pulls.std() == pytest.approx(10.0, rel=0.2)  # 5 standard errors of 320 draws
    assert abs(pulls.mean()) < 4 * 10 / math.sqrt(320)
    assert np.array_equal(flat(LEARNER(data, 3)), flat(LEARNER(data, 3)))
    mean = replace(LEARNER, by=replace(BY, form="mean", l2=0.025))
    pulls = np.concatenate([pull(mean, few, mean(few, seed)) for seed in range(40)])
    assert pulls.std() == pytest.approx(10.0, rel=0.2)


def test_no_two_models_share_a_perturbation_and_without_a_seed_nobody_can_draw_it_again(data):
    """A weighted difference of two would show what the data do."""
    few, twice = take(data, np.arange(100)), replace(LEARNER, std=20.0)
    draws = [
        -pull(LEARNER, few, LEARNER(few, 3)) / 10, -pull(twice, few, twice(few, 3)) / 20,
        -pull(LEARNER, one := take(few, np.arange(1, 100)), LEARNER(one, 3)) / 10,
        -pull(LEARNER, few, LEARNER(few)) / 10, -pull(LEARNER, few, LEARNER(few)) / 10, -pull(LEARNER, few, LEARNER(few, 0)) / 10,
    ]  # fmt: skip
    assert all(np.abs(a - b).max() > 0.1 for a, b in combinations(draws, 2))
    kept = replace(LEARNER, keepers=(), by=replace(BY, keepers=()))
    assert np.array_equal(flat(kept(few, 3)), flat(LEARNER(few, 3)))


@pytest.mark.parametrize("form", ["sum", "mean"])
def test_on_quadratic_losses_it_is_retraining_with_the_same_perturbation(data, form):
    by = replace(BY, loss="squared", form=form, l2=100.0 if form == "sum" else 0.025, task=Regression())
    learner, numbers = replace(LEARNER, by=by), Examples({"x": data.x, "y": data.x.sum(1)}, np.arange(4000))
    model, kept = learner.run(numbers, 5)
    outcome = CertifiedRemoval().run(model, asked(numbers, range(9), kept, learner))
    tilt = -pull(learner, numbers, model)
    stay = by.objective(take(numbers, np.arange(9, 4000)))
    assert flat(outcome.model) == pytest.approx(by.reached(replace(stay, tilt=tilt)).weights, abs=1e-12)
    assert outcome.certificate.bound == 0.0
    assert outcome.certificate.fails == ("a step of loss='squared' has any length, and so has its rounding error: take 'logistic'",)


def test_what_steps_leave_is_within_what_was_measured_and_that_within_the_bound(data, trained):
    model, kept = trained
    perturbation, before = pull(LEARNER, data, model), 0
    lengths = []
    for count in (4, 1, 7):
        outcome = CertifiedRemoval().run(model, asked(data, range(before, before + count), kept, before=before))
        before, model, kept = before + count, outcome.model, outcome.kept
        left = np.linalg.norm(pull(LEARNER, take(data, np.arange(before, 4000)), model) - perturbation)
        said = outcome.certificate
        assert left <= said.measured <= said.bound
        assert (said.removed, said.releases, said.fails) == (before, len(lengths) + 1, ())
        assert said.guarantee.total == (None if lengths else said.guarantee.epsilon)
        lengths.append(residual_step(LinearLoss("logistic"), 1.0, 100.0, 4000 - before, count).length)
        assert said.bound == pytest.approx(sum(lengths), rel=1e-12)
    assert "of this release alone" in " ".join(outcome.notes)
    assert "requests were chosen without looking at any model that has this perturbation" in said.provided
    assert any(given.startswith("inputs were made without looking at the data") for given in said.provided)


def test_it_removes_until_the_perturbation_covers_no_more_and_capacity_is_the_last(data, trained):
    method, (model, kept), before, said = CertifiedRemoval(epsilon=0.3), trained, 0, None
    while said is None or said.capacity >= before + 3:
        outcome = method.run(model, asked(data, range(before, before + 3), kept, before=before))
        model, kept, said, before = outcome.model, outcome.kept, outcome.certificate, before + 3
        assert said.guarantee.epsilon <= 0.3
    assert 3 < before < 30
    with pytest.raises(RequestError, match=r"spends more than is left of the budget .*: retrain, with Retrain\(\)"):
        method.run(model, asked(data, range(before, said.capacity + 1), kept, before=before))
    if said.capacity > before:
        assert method.run(model, asked(data, range(before, said.capacity), kept, before=before)).certificate.fails == ()


def test_the_formula_of_the_paper_is_tried_and_never_certified(data, trained):
    method = CertifiedRemoval(theorem="paper", epsilon=0.02)
    outcome = method.run(trained[0], asked(data, range(2), trained[1]))
    (reason,) = outcome.certificate.fails
    assert "the residual of these data decides" in reason
    assert outcome.certificate.guarantee is None
    most = 0.02 * 10.0 / math.sqrt(2 * math.log(1.5 / 1e-5))
    assert outcome.certificate.measured < most
    with pytest.raises(RequestError, match="retrain"):
        method.run(trained[0], asked(data, range(128), trained[1]))


def test_each_assumption_that_fails_is_named_and_nothing_is_certified(data, trained, monkeypatch):
    def fails(learner, **fields):
        model, kept = learner.run(data, 5)
        outcome = CertifiedRemoval(**fields).run(model, asked(data, [200], kept, learner))
        assert outcome.certificate.guarantee is None
        return outcome.certificate.fails

    assert fails(replace(LEARNER, by=replace(BY, tolerance=1e-6))) == (
        "tolerance=1e-06 leaves more of a gradient than digits: take 1e-10 or less",
    )
    monkeypatch.setattr(certifiedremoval, "DENSE", 7)
    assert fails(LEARNER) == ("a step of more than 7 weights is one of conjugate gradients, and not exact",)
    monkeypatch.undo()
    assert any("tuned=True" in reason for reason in fails(replace(LEARNER, by=replace(BY, tuned=True))))
    assert any("take form='sum'" in reason for reason in fails(replace(LEARNER, by=replace(BY, form="mean", l2=0.025))))
    assert any("above radius=0.9" in reason for reason in fails(LEARNER, radius=0.9))
    assert any("take bias='penalised'" in reason for reason in fails(replace(LEARNER, by=replace(BY, bias="free")), radius=2.0))
    assert fails(BY) == ("the objective was not perturbed: take PerturbedConvex()",)


def test_what_it_cannot_meet_is_refused(data, trained):
    model, kept = trained
    outcome = CertifiedRemoval().run(model, asked(data, [200], kept))
    with pytest.raises(RequestError, match="id 200 was removed by an earlier request"):
        CertifiedRemoval().run(outcome.model, asked(data, [200], outcome.kept))
    with pytest.raises(ModelError, match="what was kept is of another model"):
        CertifiedRemoval().run(model, asked(data, [201], outcome.kept))
    with pytest.raises(ModelError, match=r"of another learner, PerturbedConvex\("):
        CertifiedRemoval().run(model, asked(data, [200], kept, replace(LEARNER, std=20.0)))
    hinge = replace(LEARNER, by=replace(BY, loss="squared_hinge"))
    model, kept = hinge.run(data, 5)
    with pytest.raises(SpecError, match=r"the Hessian of 'squared_hinge' jumps, .*: take 'logistic'"):
        CertifiedRemoval().run(model, asked(data, [200], kept, hinge))
    with pytest.raises(ModelError, match=r"made by Convex\(\) or PerturbedConvex\(\)"):
        RemovalAccount().keep(model, data, None)
