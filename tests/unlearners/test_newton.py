"""Newton steps on convex objectives, against minimisers without or with corrected examples."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch

import untrain as ut
from convex_problems import aligned_logistic, planted_logistic
from untrain.core.errors import ModelError, RequestError, SpecError
from untrain.data.examples import Examples, take
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.convex_optimum import optimum
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.linear_losses import LinearLoss
from untrain.models.tasks.regression import Regression
from untrain.training import convex_change
from untrain.training.convex_change import change_of
from untrain.training.learners.convex import Convex, weights_of
from untrain.training.problem import Problem
from untrain.unlearners.newton import Newton

RIDGE = Convex(loss="squared", l2=0.1, bias="none", tuned=False, task=Regression())
JACKKNIFE = Newton(hessian="original")
RESCALED = Newton(hessian="rescaled")


def numbers(x, y):
    return Examples({"x": torch.as_tensor(x), "y": torch.as_tensor(y)}, np.arange(len(y)))


def signs(x, y):
    return Examples.labelled(torch.as_tensor(x), torch.as_tensor((y > 0).astype(np.int64)), np.arange(len(y)), 2)


def without(data, rows, learner):
    """A model of all data, the problem without some rows, and the retrained weights."""
    stays = np.setdiff1d(np.arange(len(data)), rows)
    problem = Problem(learner.task.resolve(data), take(data, np.asarray(rows)), take(data, stays), recipe=learner)
    return learner(data), problem, flat(learner(problem.retain))


def corrected(data, rows, other, learner):
    """A model of all data, the problem that gives some rows other values, and the retrained weights."""
    stays = np.setdiff1d(np.arange(len(data)), rows)
    after = {n: torch.cat([v[stays], other.fields[n]]) for n, v in data.fields.items()}
    ids = np.concatenate([stays, np.asarray(rows)])
    retain = Examples(after, ids, data.categories)
    problem = Problem(learner.task.resolve(data), take(data, np.asarray(rows)), retain, recipe=learner, replacement=other)
    return learner(data), problem, flat(learner(retain))


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()]).numpy()


def distance(method, model, problem, aim):
    return float(np.linalg.norm(flat(method(model, problem)) - aim))


@pytest.fixture(scope="module")
def ridge():
    """400 rows, of which 20 go."""
    draw = np.random.default_rng(1)
    x, beta, noise = draw.normal(size=(400, 10)), draw.normal(size=10), draw.normal(size=400)
    return numbers(x, x @ beta + 0.5 * noise), draw.choice(400, 20, replace=False)


def test_of_a_ridge_the_newton_step_is_retraining_and_the_jackknife_is_near(ridge):
    model, problem, aim = without(*ridge, RIDGE)
    assert distance(Newton(), model, problem, aim) < 1e-13
    assert distance(JACKKNIFE, model, problem, aim) == pytest.approx(1.611215e-3, rel=1e-6)
    assert np.linalg.norm(flat(model) - aim) == pytest.approx(1.750587e-2, rel=1e-6)


def test_steps_of_single_examples_add_up_to_that_of_all(ridge):
    """The jackknife is additive, in any order: gradients are taken at the weights before, and the Hessian stays."""
    data, rows = ridge
    model, problem, _ = without(data, rows, RIDGE)
    alone = [flat(JACKKNIFE(model, without(data, [row], RIDGE)[1])) - flat(model) for row in rows]
    assert np.abs(np.sum(alone, axis=0) - (flat(JACKKNIFE(model, problem)) - flat(model))).max() < 1e-15


def test_the_rescaled_step_is_exact_for_one_example_of_a_ridge_whose_penalty_stays(ridge):
    data, _ = ridge
    learner = Convex(loss="squared", l2=0.1 * 400, form="sum", bias="none", task=Regression())
    model, problem, aim = without(data, [5], learner)
    x = data.x.numpy()
    leverage = float(x[5] @ np.linalg.solve(x.T @ x + 40 * np.eye(10), x[5]))
    assert leverage == pytest.approx(0.01394300934307985, rel=1e-12)
    steps = {m: flat(m(model, problem)) - flat(model) for m in (JACKKNIFE, RESCALED, Newton())}
    assert np.linalg.norm(steps[JACKKNIFE]) == pytest.approx(0.002743846822, rel=1e-9)
    assert np.linalg.norm(aim - flat(model)) == pytest.approx(0.002782645271, rel=1e-9)
    assert steps[RESCALED] == pytest.approx(steps[JACKKNIFE] / (1 - leverage), rel=1e-12)
    for method in (RESCALED, Newton()):
        assert distance(method, model, problem, aim) < 1e-14


@pytest.fixture(scope="module")
def aligned():
    return signs(*aligned_logistic())


def test_of_a_logistic_regression_errors_are_known_and_rescaling_lies_between(aligned):
    learner = Convex(l2=0.05, bias="none")
    model, problem, aim = without(aligned, np.arange(16), learner)
    newton, rescaled, jackknife = (distance(m, model, problem, aim) for m in (Newton(), RESCALED, JACKKNIFE))
    assert (newton, jackknife) == (pytest.approx(1.49995e-5, rel=1e-5), pytest.approx(3.93338e-4, rel=1e-5))
    assert newton < rescaled < jackknife


def test_an_absolute_penalty_makes_the_step_proximal():
    """The support is that of retraining, and with the Hessian after the request a quadratic loss is solved to rounding."""
    draw = np.random.default_rng(3)
    x, noise = draw.normal(size=(500, 30)), draw.normal(size=500)
    beta = np.concatenate([[2, -1.5, 1, 0.7, -0.5], np.zeros(25)])
    data = numbers(x, x @ beta + 0.3 * noise)
    learner = Convex(loss="squared", l2=0.0, l1=0.08, bias="none", task=Regression())
    for removed, near, nothing in ((1, 8.10e-5, 3.79e-3), (20, 3.65e-5, 3.58e-3), (50, 4.14e-4, 1.01e-2)):
        model, problem, aim = without(data, np.arange(removed), learner)
        assert distance(Newton(), model, problem, aim) < 1e-13
        assert distance(JACKKNIFE, model, problem, aim) == pytest.approx(near, rel=5e-3)
        assert np.linalg.norm(flat(model) - aim) == pytest.approx(nothing, rel=5e-3)
        assert np.array_equal(flat(JACKKNIFE(model, problem)) != 0, aim != 0)


@pytest.fixture(scope="module")
def planted():
    return *planted_logistic(), Convex(l2=1.0, form="sum", bias="none")


def test_a_feature_that_is_taken_out_has_weight_0_after_the_step_with_the_hessian_of_the_corrected_data(planted):
    x, y, learner = planted
    fewer = x.copy()
    fewer[:, [0, 3, 7]] = 0.0
    model, problem, aim = corrected(signs(x, y), np.arange(600), signs(fewer, y), learner)
    assert np.abs(flat(Newton()(model, problem))[[0, 3, 7]]).max() < 1e-13
    assert np.linalg.norm(flat(model) - aim) == pytest.approx(2.5151, abs=5e-5)
    assert distance(Newton(), model, problem, aim) == pytest.approx(0.0107, abs=5e-5)
    assert distance(JACKKNIFE, model, problem, aim) == pytest.approx(1.9246, abs=5e-5)


def test_the_gradient_of_flipped_labels_is_the_sum_of_inputs_by_their_old_labels(planted):
    x, y, learner = planted
    flipped = np.where(np.arange(600) < 30, -y, y)
    model, problem, aim = corrected(signs(x, y), np.arange(30), signs(x[:30], flipped[:30]), learner)
    assert change_of(model, problem).gradient == pytest.approx((y[:30, None] * x[:30]).sum(0), abs=1e-13)
    assert np.linalg.norm(flat(model) - aim) == pytest.approx(1.3369, abs=5e-5)
    assert distance(Newton(), model, problem, aim) == pytest.approx(0.1360, abs=5e-5)


def test_of_a_ridge_without_a_column_only_the_hessian_of_the_corrected_data_gives_retraining():
    draw = np.random.default_rng(2)
    x, beta, noise = draw.normal(size=(300, 10)), draw.normal(size=10), draw.normal(size=300)
    y, fewer = x @ beta + 0.5 * noise, x.copy()
    fewer[:, 4] = 0.0
    learner = Convex(loss="squared", l2=1.0, form="sum", bias="none", task=Regression())
    model, problem, aim = corrected(numbers(x, y), np.arange(300), numbers(fewer, y), learner)
    assert distance(Newton(), model, problem, aim) < 1e-12
    assert distance(JACKKNIFE, model, problem, aim) == pytest.approx(1.1921, abs=5e-5)
    assert np.linalg.norm(flat(model) - aim) == pytest.approx(1.2680, abs=5e-5)


@pytest.mark.parametrize(
    ("sigma", "none", "newton", "jackknife"),
    [(0.5, (2.6443, 3.6623), (0.0102, 0.0418), (2.0255, 2.1788)), (5.0, (5.9846, 6.3818), (0.0116, 0.0357), (4.6250, 4.7571))],
)
def test_with_a_linear_term_the_weight_of_a_feature_that_goes_is_that_of_the_term_alone(sigma, none, newton, jackknife):
    """Distances and gradients of the specification of arXiv 2108.11577, D3; the term is that of objective perturbation."""
    x, y = planted_logistic()
    draw = np.random.default_rng(0)
    for size in ((600, 20), 20, 600):
        draw.normal(size=size) if size != 600 else draw.uniform(size=size)
    tilt = sigma * draw.normal(size=20)
    fewer = x.copy()
    fewer[:, [0, 3, 7]] = 0.0
    before, after = (
        ConvexObjective(DesignMatrix.of(rows, False), y, LinearLoss("logistic"), l2=1.0, mean=False, tilt=tilt)
        for rows in (x, fewer)
    )
    at, aim = (optimum(each, 1e-10).weights for each in (before, after))
    slope = after.at(at).slope
    steps = {h: at - np.linalg.solve(h.hessian(at), slope) for h in (after, before)}
    assert np.abs(steps[after][[0, 3, 7]] + tilt[[0, 3, 7]]).max() < 1e-12
    for weights, said in ((at, none), (steps[after], newton), (steps[before], jackknife)):
        assert np.linalg.norm(weights - aim) == pytest.approx(said[0], abs=5e-5)
        assert np.linalg.norm(after.at(weights).slope) == pytest.approx(said[1], abs=5e-5)


def test_steps_one_after_the_other_take_the_whole_gradient_so_that_what_is_left_is_made_good(planted):
    x, y, learner = planted
    at, left = [x.copy()], []
    for first in range(0, 10, 2):
        fewer = at[-1].copy()
        fewer[:, first : first + 2] = 0.0
        at.append(fewer)
    original, problem, aim = corrected(signs(x, y), np.arange(600), signs(at[-1], y), learner)
    model = original
    for one, other in pairwise(at):
        model = Newton()(model, corrected(signs(one, y), np.arange(600), signs(other, y), learner)[1])
    after = learner.objective(problem.retain)
    for made in (original, Newton()(original, problem), model):
        left += [np.linalg.norm(after.at(weights_of(made, False)).slope), np.linalg.norm(flat(made) - aim)]
    assert left == pytest.approx([7.836, 5.459, 0.4274, 0.07320, 7.114e-3, 1.252e-3], rel=5e-4)


def test_several_scores_with_free_biases_are_solved_too():
    data = ut.Digits().load().train
    data = take(data, np.arange(400))
    learner = Convex(l2=0.01)
    model, problem, aim = without(data, np.arange(20), learner)
    nothing = np.linalg.norm(flat(model) - aim)
    near = {m: distance(m, model, problem, aim) / nothing for m in (Newton(), RESCALED, JACKKNIFE)}
    assert near[Newton()] < near[RESCALED] < near[JACKKNIFE] < 0.5


def test_conjugate_gradients_take_the_same_step_as_a_factor(aligned, monkeypatch):
    model, problem, _ = without(aligned, np.arange(3), Convex(l2=0.05))
    for method in (Newton(), JACKKNIFE, RESCALED):
        by_factor = flat(method(model, problem))
        with monkeypatch.context() as patch:
            patch.setattr(convex_change, "DENSE", 0)
            assert flat(method(model, problem)) == pytest.approx(by_factor, abs=1e-11)


def test_the_change_is_of_the_gradient_after_the_request(aligned):
    """At the optimum before, what all examples add to the gradient is 0, so the change is all of it."""
    learner = Convex(l2=0.05)
    model, problem, _ = without(aligned, np.arange(100), learner)
    change = change_of(model, problem)
    objective = learner.objective(problem.retain)
    slope = objective.at(weights_of(model, intercept=True)).slope
    assert change.gradient / 3900 == pytest.approx(slope, abs=1e-12)
    assert change.gradient_before() < 1e-10


def test_what_no_step_is_for_is_refused(ridge, planted):
    data, rows = ridge
    model, problem, _ = without(data, rows, RIDGE)
    with pytest.raises(ModelError, match="has to be made by Convex"):
        Newton()(model, Problem(problem.task, problem.forget, problem.retain))
    with pytest.raises(ModelError, match="works on models of kind ConvexModel"):
        Newton()(torch.nn.Linear(10, 1), problem)
    lasso = Convex(loss="squared", l2=0.0, l1=0.1, bias="none", task=Regression())
    with pytest.raises(SpecError, match="no form with l1"):
        RESCALED(*without(data, rows, lasso)[:2])
    x, y, learner = planted
    model, problem, _ = corrected(signs(x, y), np.arange(3), signs(x[:3], -y[:3]), learner)
    with pytest.raises(RequestError, match="this request corrects"):
        RESCALED(model, problem)


def moved(model, by):
    """A copy whose weights are elsewhere."""
    other = copy.deepcopy(model)
    with torch.no_grad():
        other.line.weight.add_(by)
    return other


def test_away_from_the_optimum_the_newton_step_still_goes_to_that_of_the_rest_and_the_jackknife_is_refused(ridge):
    model, problem, aim = without(*ridge, RIDGE)
    away = moved(model, 1.0)
    outcome = Newton().run(away, problem)
    assert np.linalg.norm(flat(outcome.model) - aim) < 1e-12
    assert any("was not at its optimum" in note for note in outcome.notes)
    for method in (JACKKNIFE, RESCALED):
        with pytest.raises(ModelError, match="not at the optimum of Convex"):
            method(away, problem)


def test_corrections_in_steps_come_nearer_than_one_step(planted):
    """The stepwise form with the full gradient: columns 0 to 9 in chunks of two."""
    x, y, learner = planted
    model = learner(signs(x, y))
    now, fewer = model, x
    for chunk in range(0, 10, 2):
        before, fewer = fewer, fewer.copy()
        fewer[:, chunk : chunk + 2] = 0.0
        _, problem, aim = corrected(signs(before, y), np.arange(600), signs(fewer, y), learner)
        now = Newton()(now, problem)
    residual = np.linalg.norm(learner.objective(problem.retain).at(weights_of(now, intercept=False)).slope)
    assert (residual, np.linalg.norm(flat(now) - aim)) == (pytest.approx(7.114e-3, rel=1e-3), pytest.approx(1.252e-3, rel=1e-3))
    _, whole, _ = corrected(signs(x, y), np.arange(600), signs(fewer, y), learner)
    assert np.linalg.norm(flat(Newton()(model, whole)) - aim) == pytest.approx(7.320e-2, rel=1e-3)


def test_with_an_absolute_penalty_the_optimum_before_is_known_as_one(ridge):
    data, rows = ridge
    for learner in (
        Convex(loss="squared", l2=0.0, l1=0.1, bias="none", task=Regression()),
        Convex(loss="squared", l2=0.01, l1=0.1, task=Regression()),
    ):
        model, problem, _ = without(data, rows, learner)
        change = change_of(model, problem)
        assert change.gradient_before() < 1e-10
        assert not [note for note in Newton().run(model, problem).notes if "optimum" in note]


def test_where_what_goes_has_no_gradient_the_model_stays(planted):
    x, _, _ = planted
    learner = Convex(loss="squared_hinge", l2=1.0, form="sum", bias="none")
    data = signs(x, np.sign(x[:, 0]))
    model = learner(data)
    margins = np.sign(x[:, 0]) * (x @ flat(model)[:20])
    beyond = np.flatnonzero(margins > 1.01)[:3]
    model, problem, aim = without(data, beyond, learner)
    assert len(beyond) == 3
    for method in (Newton(), JACKKNIFE):
        assert distance(method, model, problem, aim) < 1e-13


def test_weights_that_are_frozen_stay_and_the_others_take_their_own_step(ridge):
    """Of a quadratic the step of the others is their optimum beside the frozen ones."""
    data, rows = ridge
    learner = Convex(loss="squared", l2=0.1, task=Regression())
    model, problem, _ = without(data, rows, learner)
    model.line.bias.requires_grad_(False)
    after = Newton()(model, problem)
    assert torch.equal(after.line.bias, model.line.bias)
    slope = learner.objective(problem.retain).at(weights_of(after, intercept=True)).slope
    assert np.linalg.norm(slope[:-1]) < 1e-12
    assert abs(slope[-1]) > 1e-4
    with_absolute = Convex(loss="squared", l2=0.1, l1=0.05, task=Regression())
    model, problem, _ = without(data, rows, with_absolute)
    model.line.bias.requires_grad_(False)
    after = Newton()(model, problem)
    slope = with_absolute.objective(problem.retain).at(weights_of(after, intercept=True)).slope
    assert np.linalg.norm(slope[:-1]) < 1e-12


def test_an_example_that_decides_a_weight_alone_is_refused_by_leverages():
    x = np.random.default_rng(0).normal(size=(30, 3))
    x[:, 2] = np.eye(30)[4]
    data = numbers(x, x.sum(1))
    learner = Convex(loss="squared", l2=0.0, form="sum", bias="none", task=Regression())
    problem = Problem(learner.task, take(data, np.array([4])), take(data, np.setdiff1d(np.arange(30), [4])), recipe=learner)
    with pytest.raises(ModelError, match="decides a weight alone"):
        RESCALED(learner(data), problem)


def test_a_step_that_makes_things_worse_says_so():
    data = take(ut.Digits().load().train, np.arange(300))
    learner = Convex(l2=0.01, form="sum")
    flipped = data.y[:10] + 1
    model, problem, aim = corrected(data, np.arange(10), take(data, np.arange(10)).with_targets(flipped % 10), learner)
    outcome = Newton().run(model, problem)
    assert np.linalg.norm(flat(outcome.model) - aim) > np.linalg.norm(flat(model) - aim)
    assert any("the objective after the request rose" in note for note in outcome.notes)


def test_a_proximal_step_of_more_weights_than_a_matrix_holds_is_refused(ridge, monkeypatch):
    data, rows = ridge
    learner = Convex(loss="squared", l2=0.0, l1=0.1, bias="none", task=Regression())
    model, problem, _ = without(data, rows, learner)
    monkeypatch.setattr(convex_change, "DENSE", 5)
    with pytest.raises(ModelError, match="of 5 weights at most, and there are 10: take Retrain"):
        Newton()(model, problem)


def test_requests_that_correct_go_through_the_front_door():
    train = take(ut.Digits().load().train, np.arange(300))
    learner = Convex(l2=0.1)
    model = learner(train)
    asked = ut.problem(train, ut.Relabel(ids=tuple(train.ids[:5].tolist()), labels=(1,) * 5), learner)
    aim, nothing = flat(ut.Retrain()(model, asked)), flat(model)
    assert distance(Newton(), model, asked, aim) < 0.3 * np.linalg.norm(nothing - aim)


def test_fine_tuning_with_the_whole_penalty_in_each_batch_ends_farther_from_the_optimum_than_it_began(planted):
    """D13 of the specification of arXiv 2108.11577, on its planted problem: the source adds the whole penalty to every batch."""
    x, y, learner = planted
    fewer = x.copy()
    fewer[:, 0] = 0.0
    model, problem, _ = corrected(signs(x, y), np.arange(600), signs(fewer, y), learner)
    after = learner.objective(problem.retain)

    def left(decay):
        steps = ut.Steps(lr=0.1, epochs=1, batch=32, optimizer=ut.SGD(momentum=0.0, decay=decay), schedule=ut.Constant())
        return np.linalg.norm(after.at(weights_of(ut.Finetune(steps=steps)(model, problem), False)).slope)

    before = np.linalg.norm(after.at(weights_of(model, False)).slope)
    assert before == pytest.approx(0.4521, abs=5e-5)
    assert 0.97 * before < left(1 / 600) < before
    assert left(1 / 32) > 3 * before
