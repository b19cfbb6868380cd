"""Optima of convex objectives: closed forms, the gradient, scikit-learn, golden numbers, and what has no optimum."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.svm import LinearSVC

from untrain.maths import convex_optimum
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.convex_optimum import optimum
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.linear_losses import LinearLoss


def data(n=200, d=8, seed=0):
    draw = np.random.default_rng(seed)
    x, beta = draw.normal(size=(n, d)), draw.normal(size=d)
    return x, x @ beta + draw.normal(size=n)


X, Y = data()
TARGETS = {
    "squared": Y, "huber": Y, "logistic": np.sign(Y), "squared_hinge": np.sign(Y), "multinomial": np.digitize(Y, [-2.0, 0.0, 2.0]),
}  # fmt: skip


def posed(name, x=X, y=None, intercept=True, **how):
    loss = LinearLoss(name, threshold=0.5 if name == "huber" else np.inf)
    targets = TARGETS[name] if y is None else y
    return ConvexObjective(DesignMatrix.of(x, intercept), targets, loss, 4 if name == "multinomial" else 1, **how)


WAYS = {"whole": {}, "sample": {"WORK": 1.0}, "diagonal": {"DENSE": 1}}


@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", TARGETS)
def test_the_gradient_is_zero_whichever_way_it_is_found(name, way, mean, monkeypatch):
    direct = optimum(posed(name, l2=0.3, mean=mean))
    for setting, value in WAYS[way].items():
        monkeypatch.setattr(convex_optimum, setting, value)
    found = optimum(posed(name, l2=0.3, mean=mean))
    assert found.failure == ""
    assert found.gradient < 1e-10
    np.testing.assert_allclose(found.weights, direct.weights, atol=1e-10)


@pytest.mark.parametrize("name", TARGETS)
def test_the_value_is_the_least_of_what_lies_around(name):
    objective = posed(name, l1=0.03, l2=0.1)
    best = optimum(objective)
    draw = np.random.default_rng(0)
    at = objective.at(best.weights).value
    around = [objective.at(best.weights + 1e-3 * draw.normal(size=objective.size)).value for _ in range(50)]
    assert best.failure == ""
    assert min(around) > at


def test_hessian_gradient_and_value_belong_together():
    for name in TARGETS:
        objective = posed(name, l2=0.2, mean=False, penalised_intercept=name == "logistic")
        draw = np.random.default_rng(1)
        at, along = draw.normal(size=objective.size), draw.normal(size=objective.size)
        h = 1e-6
        above, below = objective.smooth(at + h * along), objective.smooth(at - h * along)
        assert (above.value - below.value) / (2 * h) == pytest.approx(objective.smooth(at).slope @ along, rel=1e-6)
        matrix = objective.hessian(at)
        np.testing.assert_allclose(matrix @ along, objective.hessian_times(at)(along), rtol=1e-10, atol=1e-9)
        np.testing.assert_allclose(np.diagonal(matrix), objective.diagonal(at), rtol=1e-10)
        if name not in ("huber", "squared_hinge"):  # whose second derivatives jump
            np.testing.assert_allclose((above.slope - below.slope) / (2 * h), matrix @ along, rtol=1e-5, atol=1e-5)


def test_ridge_solves_its_normal_equations_in_both_forms():
    ones = np.column_stack([X, np.ones(200)])
    for mean, n in ((True, 200), (False, 1)):
        found = optimum(posed("squared", l2=0.7, mean=mean)).weights
        wanted = np.linalg.solve(ones.T @ ones / n + 0.7 * np.diag([*np.ones(8), 0]), ones.T @ Y / n)
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_scikit_learn_agrees():
    signs = TARGETS["logistic"]
    theirs = Ridge(alpha=0.7, solver="cholesky").fit(X, Y)
    np.testing.assert_allclose(optimum(posed("squared", l2=0.7, mean=False)).weights[:-1], theirs.coef_, atol=1e-11)
    theirs = LogisticRegression(C=1 / 0.7, solver="newton-cholesky", tol=1e-13, max_iter=1000).fit(X, signs)
    np.testing.assert_allclose(optimum(posed("logistic", l2=0.7, mean=False)).weights[:-1], theirs.coef_[0], atol=1e-9)
    theirs = LogisticRegression(C=1 / 0.7, solver="newton-cg", tol=1e-12, max_iter=1000).fit(X, TARGETS["multinomial"])
    ours = optimum(posed("multinomial", l2=0.7, mean=False)).weights.reshape(4, 9)
    np.testing.assert_allclose(ours, np.column_stack([theirs.coef_, theirs.intercept_]), atol=1e-7)
    theirs = LinearSVC(C=1 / 0.7, tol=1e-12, dual=False, max_iter=100_000).fit(X, signs)
    ours = optimum(posed("squared_hinge", l2=0.7, mean=False, penalised_intercept=True)).weights
    np.testing.assert_allclose(ours, np.append(theirs.coef_[0], theirs.intercept_), atol=1e-6)
    theirs = Lasso(alpha=0.2, tol=1e-14, max_iter=100_000).fit(X, Y)
    np.testing.assert_allclose(optimum(posed("squared", l1=0.2)).weights[:-1], theirs.coef_, atol=1e-9)
    theirs = ElasticNet(alpha=0.2, l1_ratio=0.3, tol=1e-14, max_iter=100_000).fit(X, Y)
    np.testing.assert_allclose(optimum(posed("squared", l1=0.06, l2=0.14)).weights[:-1], theirs.coef_, atol=1e-9)


def test_ridge_with_and_without_twenty_rows_differs_by_the_golden_number():
    draw = np.random.default_rng(1)
    x, beta, noise = draw.normal(size=(400, 10)), draw.normal(size=10), draw.normal(size=400)
    gone = draw.choice(400, 20, replace=False)
    kept = np.setdiff1d(np.arange(400), gone)
    y = x @ beta + 0.5 * noise
    both = [optimum(posed("squared", x[rows], y[rows], intercept=False, l2=0.1)).weights for rows in (np.arange(400), kept)]
    assert np.linalg.norm(both[0] - both[1]) == pytest.approx(1.750587e-2, rel=1e-6)


@pytest.mark.parametrize(("m", "wanted"), [(2, 3.42641e-3), (32, 5.63147e-2), (128, 2.46658e-1)])
def test_logistic_regression_without_aligned_rows_differs_by_the_golden_number(m, wanted):
    draw = np.random.default_rng(3)
    x = draw.normal(size=(4000, 8))
    x /= np.maximum(1.0, np.linalg.norm(x, axis=1, keepdims=True))
    y = np.where(draw.random(4000) < 1 / (1 + np.exp(-4 * x.sum(1))), 1.0, -1.0)
    x[:128], y[:128] = x[0], -np.sign(x[0].sum())
    both = [optimum(posed("logistic", x[rows], y[rows], intercept=False, l2=0.05)) for rows in (slice(None), slice(m, None))]
    assert max(each.gradient for each in both) < 1e-12
    assert np.linalg.norm(both[0].weights - both[1].weights) == pytest.approx(wanted, rel=3e-6)


@pytest.mark.parametrize(("m", "wanted"), [(1, 3.79e-3), (5, 4.16e-3), (20, 3.58e-3), (50, 1.01e-2)])
def test_the_lasso_without_rows_differs_by_the_golden_number(m, wanted):
    draw = np.random.default_rng(3)
    beta = np.zeros(30)
    beta[:5] = 2, -1.5, 1, 0.7, -0.5
    x = draw.normal(size=(500, 30))
    y = x @ beta + 0.3 * draw.normal(size=500)
    both = [optimum(posed("squared", x[rows], y[rows], intercept=False, l1=0.08)) for rows in (slice(None), slice(m, None))]
    assert np.flatnonzero(both[0].weights).tolist() == [0, 1, 2, 3, 4]
    assert max(each.gradient for each in both) < 1e-13
    assert np.linalg.norm(both[0].weights - both[1].weights) == pytest.approx(wanted, rel=5e-3)


@pytest.mark.parametrize(("sigma", "distance", "residual"), [(0.0, 2.5151, 3.6302), (0.5, 2.6443, 3.6623), (5.0, 5.9846, 6.3818)])
def test_columns_that_are_zeroed_leave_the_linear_term_alone(sigma, distance, residual):
    draw = np.random.default_rng(0)
    x, beta = draw.normal(size=(600, 20)) / np.sqrt(20), draw.normal(size=20)
    uniform, b = draw.random(600), sigma * draw.normal(size=20)
    y = np.where(uniform < 1 / (1 + np.exp(-3 * x @ beta)), 1.0, -1.0)
    corrected = x.copy()
    corrected[:, [0, 3, 7]] = 0.0
    how = {"intercept": False, "l2": 1.0, "mean": False, "tilt": b}
    before, after = (optimum(posed("logistic", each, y, **how)) for each in (x, corrected))
    np.testing.assert_allclose(after.weights[[0, 3, 7]], -b[[0, 3, 7]], atol=1e-14)
    assert np.linalg.norm(before.weights - after.weights) == pytest.approx(distance, abs=6e-5)
    left = posed("logistic", corrected, y, **how).at(before.weights).slope
    assert np.linalg.norm(left) == pytest.approx(residual, abs=6e-5)


@pytest.mark.parametrize("name", ["squared", "logistic", "multinomial"])
def test_working_sets_find_what_all_columns_together_give(name, monkeypatch):
    draw = np.random.default_rng(5)
    x = draw.normal(size=(150, 60))
    y = x[:, :4].sum(1) + 0.1 * draw.normal(size=150)
    target = {"squared": y, "logistic": np.sign(y), "multinomial": np.digitize(y, [-2.0, 0.0, 2.0])}[name]
    how = {"l1": 0.05, "l2": 0.01}
    whole = optimum(posed(name, x, target, **how))
    monkeypatch.setattr(convex_optimum, "DENSE", whole.weights.size - 1)
    monkeypatch.setattr(convex_optimum, "JOINING", 3)
    for held in (x, sparse.csr_array(x)):
        found = optimum(posed(name, held, target, **how))
        assert (found.failure, found.gradient < 1e-10) == ("", True)
        np.testing.assert_allclose(found.weights, whole.weights, atol=1e-10)


SEPARATED = np.array([[1.0], [2.0], [-1.0], [-2.0]])
NONE = {
    "collinear columns": lambda: posed("squared", np.column_stack([X, X[:, 0] - X[:, 1]])),
    "collinear columns under a logistic loss": lambda: posed("logistic", np.column_stack([X, X[:, 0] - X[:, 1]])),
    "a column of zeros": lambda: posed("squared", X * (np.arange(8) > 0)),
    "a constant column beside the intercept": lambda: posed("squared", np.column_stack([X, np.ones(200)])),
    "more columns than rows": lambda: posed("squared", X[:5], Y[:5]),
    "separated classes": lambda: posed("logistic", SEPARATED, np.array([1.0, 1, -1, -1])),
    "separated classes with a hinge": lambda: posed("squared_hinge", SEPARATED, np.array([1.0, 1, -1, -1])),
    "one class with an intercept": lambda: posed("logistic", X, np.ones(200), l2=1.0),
    "equal columns of a lasso": lambda: posed("squared", np.column_stack([X, X[:, 0]]), l1=0.01),
}


@pytest.mark.parametrize("make", NONE.values(), ids=NONE)
def test_what_has_no_single_minimum_is_said_to_have_none(make):
    assert optimum(make()).failure.startswith("there is no single minimum")


def test_collinear_columns_are_found_by_the_hessian_of_a_sample_too(monkeypatch):
    monkeypatch.setattr(convex_optimum, "WORK", 1.0)
    assert optimum(NONE["collinear columns"]()).failure.startswith("there is no single minimum")


def test_more_weights_than_are_solved_for_without_a_penalty_are_said_to_be_too_many(monkeypatch):
    monkeypatch.setattr(convex_optimum, "DENSE", 1)
    assert optimum(NONE["collinear columns"]()).failure.startswith("without a penalty 4,096 weights are the most")


def test_a_penalty_decides_between_collinear_columns():
    found = optimum(posed("squared", np.column_stack([X[:, 0], X[:, 0]]), l2=1e-3))
    assert found.failure == ""
    assert found.weights[0] == pytest.approx(found.weights[1], rel=1e-10)


def test_a_tolerance_below_rounding_is_not_reached_and_says_how_far_it_came():
    found = optimum(posed("squared", X * 1e6, Y * 1e6, l2=1.0), tolerance=1e-20)
    assert found.failure.startswith("the gradient has length")


def test_sparse_rows_take_products_and_where_these_do_not_reach_it_the_hessian(monkeypatch):
    draw = np.random.default_rng(7)
    x = sparse.random_array((300, 80), density=0.1, format="csr", rng=draw) * 10.0 ** np.linspace(-4, 4, 80)
    y = np.sign(np.asarray(x.sum(axis=1)).ravel() + draw.normal(size=300))
    objective = posed("logistic", x, y, l2=1e-7)
    whole = optimum(objective)
    asked = []
    times = ConvexObjective.hessian_times
    monkeypatch.setattr(ConvexObjective, "hessian_times", lambda self, at: asked.append(1) or times(self, at))
    monkeypatch.setattr(convex_optimum, "SPARSE", 10)
    found = optimum(objective)
    assert asked
    assert (found.failure, found.gradient < 1e-10) == ("", True)
    np.testing.assert_allclose(found.weights, whole.weights, rtol=1e-4, atol=1e-6 * np.abs(whole.weights).max())
