"""Steps in the span of the removed rows, against retraining in it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from convex_problems import planted_logistic
from untrain.core.errors import ModelError, RequestError
from untrain.data.examples import Examples, take
from untrain.models.tasks.regression import Regression
from untrain.training.keepers.hessianfactor import HessianFactor
from untrain.training.learners.convex import Convex, weights_of
from untrain.training.problem import Problem
from untrain.unlearners.certifiednewton import CertifiedNewton
from untrain.unlearners.newton import Newton
from untrain.unlearners.projectedresidual import ProjectedResidual

X, SIGNS = planted_logistic()
RIDGE = Convex(loss="squared", l2=0.5, form="sum", bias="none", task=Regression(), keepers=(HessianFactor(),))
NUMBERS = Examples({"x": torch.as_tensor(X), "y": torch.as_tensor(X.sum(1) + SIGNS)}, np.arange(600))


def asked(learner, data, rows, kept, retain=None):
    return Problem(learner.task.resolve(data), take(data, np.asarray(rows)), retain, recipe=learner, kept=kept)


def flat(model, intercept=False):
    return weights_of(model, intercept)


def onto(rows):
    """The projection onto the span of some rows."""
    return np.linalg.pinv(rows) @ rows


@pytest.mark.parametrize("k", [1, 7, 19])
def test_of_a_ridge_it_is_leaving_k_out_projected_onto_the_span_and_exact_when_that_is_all(k):
    model, kept = RIDGE.run(NUMBERS)
    step = flat(ProjectedResidual()(model, asked(RIDGE, NUMBERS, range(k), kept))) - flat(model)
    exact = flat(RIDGE(take(NUMBERS, np.arange(k, 600)))) - flat(model)
    assert step == pytest.approx(onto(X[:k]) @ exact, abs=1e-12)
    assert np.linalg.norm(step - exact) > 1e-3 * np.linalg.norm(exact)
    whole = flat(ProjectedResidual()(model, asked(RIDGE, NUMBERS, range(25), kept)))
    assert whole == pytest.approx(flat(RIDGE(take(NUMBERS, np.arange(25, 600)))), abs=1e-12)


def test_rows_that_are_equal_are_removed_together():
    twins = Examples({"x": NUMBERS.x[[0, 0, 0, *range(1, 600)]], "y": NUMBERS.y[[0, 1, 2, *range(1, 600)]]}, np.arange(602))
    model, kept = RIDGE.run(twins)
    step = flat(ProjectedResidual()(model, asked(RIDGE, twins, [0, 1, 2], kept))) - flat(model)
    assert step == pytest.approx(onto(X[:1]) @ (flat(RIDGE(take(twins, np.arange(3, 602)))) - flat(model)), abs=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_of_a_logistic_regression_it_is_the_newton_step_projected(classes):
    y = (SIGNS > 0).astype(int) + (classes == 3) * (X[:, 0] > 0.2)
    data = Examples.labelled(torch.as_tensor(X), torch.as_tensor(y), np.arange(600), classes)
    learner = Convex(l2=1.0, form="sum", bias="penalised", keepers=(HessianFactor(),))
    model, kept = learner.run(data)
    rest = take(data, np.arange(9, 600))
    made = [method(model, asked(learner, data, range(9), kept, rest)) for method in (ProjectedResidual(), Newton())]
    steps = [(flat(each, True) - flat(model, True)).reshape(-1, 21) for each in made]
    assert steps[0] == pytest.approx(steps[1] @ onto(np.hstack([X[:9], np.ones((9, 1))])), abs=1e-11)


def test_a_feature_that_the_removed_rows_alone_have_is_forgotten_though_few_go():
    """The injection of the paper: a column that is 0 elsewhere has the weight 0 without them."""
    x = np.hstack([X, np.zeros((600, 1))])
    x[:3, -1] = 10.0
    data = Examples({"x": torch.as_tensor(x), "y": torch.as_tensor(X.sum(1) + 5 * x[:, -1])}, np.arange(600))
    model, kept = RIDGE.run(data)
    after = flat(ProjectedResidual()(model, asked(RIDGE, data, range(3), kept)))
    assert flat(model)[-1] > 3
    assert abs(after[-1]) < 0.02 * flat(model)[-1]


def test_what_it_cannot_meet_is_refused():
    model, kept = RIDGE.run(NUMBERS)
    once = ProjectedResidual()(model, asked(RIDGE, NUMBERS, [0], kept))
    with pytest.raises(ModelError, match="of another model: give the model that the learner made with it"):
        ProjectedResidual()(once, asked(RIDGE, NUMBERS, [1], kept))
    released = CertifiedNewton().run(model, asked(RIDGE, NUMBERS, [0], kept))
    with pytest.raises(ModelError, match="train the model again, and name all that is to go in one"):
        ProjectedResidual()(released.model, asked(RIDGE, NUMBERS, [1], released.kept))
    with pytest.raises(ModelError, match="of another learner"):
        ProjectedResidual()(model, asked(replace(RIDGE, l2=2 * RIDGE.l2), NUMBERS, [1], kept))
    with pytest.raises(RequestError, match="the id 1 is none that the model was trained on"):
        ProjectedResidual()(model, asked(RIDGE, NUMBERS.with_inputs(2 * NUMBERS.x), [1], kept))
    corrected = Problem(RIDGE.task, take(NUMBERS, np.array([0])), recipe=RIDGE, kept=kept, replacement=take(NUMBERS, np.array([1])))
    with pytest.raises(RequestError, match="this request corrects"):
        ProjectedResidual()(model, corrected)
    alone = Examples({"x": torch.eye(3, dtype=torch.float64), "y": torch.ones(3, dtype=torch.float64)}, np.arange(3))
    free = ut.Convex(loss="squared", l2=1e-12, form="sum", bias="none", task=Regression(), keepers=(HessianFactor(),))
    model, kept = free.run(alone)
    with pytest.raises(ModelError, match="decides a score alone, so its leverage is 1"):
        ProjectedResidual()(model, asked(free, alone, [0], kept))
