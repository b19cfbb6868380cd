"""Removals one after another by a kept factor, against Hessians that are computed anew."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import linalg

from convex_problems import aligned_logistic
from untrain.maths import online_removal, positive_factor
from untrain.maths.conjugate_gradients import conjugate_gradients
from untrain.maths.convex_objective import ConvexObjective
from untrain.maths.convex_optimum import optimum
from untrain.maths.design_matrix import DesignMatrix
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.newton_models import anchored
from untrain.maths.online_removal import removal_state, removed, step, weights_after
from untrain.maths.positive_factor import PositiveFactor
from untrain.maths.removal_bounds import RESIDUAL, Constants, rounding_error


def objective(x, y, name="logistic", intercept=True, **settings):
    outputs = 4 if name == "multinomial" else 1
    return ConvexObjective(DesignMatrix.of(x, intercept), y, LinearLoss(name), outputs, **settings)


def losses(x, y, name="logistic", intercept=True):
    return objective(x, y, name, intercept, mean=False)


def drawn(name, n=300, d=6, seed=0):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, d))
    if name == "multinomial":
        return x, (x[:, :4] + draw.normal(size=(n, 4))).argmax(1)
    return x, np.where(x.sum(1) + draw.normal(size=n) > 0, 1.0, -1.0)


def dense(of, weights, data, rest):
    """The step with a Hessian that is written down anew, from the same gradients."""
    matrix = anchored(data, data.hessian(weights)) * (of.examples if of.data == "original" and of.mean else 1.0)
    if of.data == "corrected":
        matrix = anchored(rest, rest.hessian(weights)) * (rest.rows.rows if of.mean else 1.0)
    return np.linalg.solve(matrix, of.gone)


@pytest.mark.parametrize("data", ["corrected", "original"])
@pytest.mark.parametrize("mean", [True, False])
@pytest.mark.parametrize("name", ["logistic", "squared", "multinomial"])
def test_half_of_the_examples_go_one_by_one_and_the_step_is_that_of_a_new_hessian(name, mean, data):
    x, y = drawn(name)
    settings = {"l2": 0.05 if mean else 15.0, "mean": mean, "penalised_intercept": True}
    whole = objective(x, y, name, **settings)
    weights = optimum(whole).weights
    state = replace(removal_state(whole, weights), data=data)
    for m in range(150):
        state = removed(state, losses(x[[m]], y[[m]], name))
        if m in (0, 9, 149):
            rest = objective(x[m + 1 :], y[m + 1 :], name, **settings)
            wanted = dense(state, weights, whole, rest)
            assert np.linalg.norm(step(state) - wanted) < 1e-12 * np.linalg.norm(wanted)
            if data == "corrected":  # n times the gradient of the optimum is 0 only up to its tolerance
                slope = rest.at(weights).slope * (rest.rows.rows if mean else 1.0)
                assert state.gone == pytest.approx(-slope, abs=1e-8)


def test_free_biases_of_several_scores_are_kept_too():
    x, y = drawn("multinomial")
    whole = objective(x, y, "multinomial", l2=0.05)
    weights = optimum(whole).weights
    state = removed(removal_state(whole, weights), losses(x[:30], y[:30], "multinomial"))
    rest = objective(x[30:], y[30:], "multinomial", l2=0.05)
    assert whole.folded(step(state))[:, -1].sum() == pytest.approx(0.0, abs=1e-12)
    assert step(state) == pytest.approx(dense(state, weights, whole, rest), abs=1e-12)


@pytest.mark.parametrize("data", ["corrected", "original"])
def test_order_and_portions_of_removals_do_not_matter(data):
    """B3 of the specification of arXiv 2209.12269: gradients are taken at the weights of training."""
    x, y = aligned_logistic()
    whole = objective(x, y, intercept=False, l2=0.05)
    state = replace(removal_state(whole, optimum(whole).weights), data=data)
    order = np.random.default_rng(0).permutation(4000)[:20]
    ends = []
    for parts in ([order], np.split(order, 2), np.split(order, 20), np.split(order[::-1], 20)):
        now = state
        for rows in parts:
            now = removed(now, losses(x[rows], y[rows], intercept=False))
        ends.append(weights_after(now))
    assert max(np.abs(end - ends[0]).max() for end in ends) < (4.4e-16 if data == "original" else 4e-15)
    assert np.abs(ends[0] - state.weights).max() > 1e-4


def test_no_removal_changes_nothing():
    x, y = drawn("logistic")
    whole = objective(x, y, l2=0.05)
    state = removal_state(whole, optimum(whole).weights)
    assert np.array_equal(weights_after(state), state.weights)
    assert np.array_equal(weights_after(removed(state, losses(x[:0], y[:0]))), state.weights)


class Counted(np.ndarray):
    """An array that adds up the operations that are done with it."""

    done = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [np.asarray(v) if isinstance(v, Counted) else v for v in inputs]
        if "out" in options:
            options["out"] = tuple(np.asarray(v) for v in options["out"])
        made = getattr(ufunc, method)(*plain, **options)
        sizes = (np.size(made), *(np.size(v) for v in plain))
        Counted.done += 2 * np.size(made) * np.shape(plain[0])[-1] if ufunc is np.matmul else max(sizes)
        return made.view(Counted) if isinstance(made, np.ndarray) else made


def work(d, monkeypatch):
    """Operations of the 30th removal with its step, solutions with the factor counted as 2 d^2 each, and how many there were."""
    x, y = drawn("logistic", n=2 * d, d=d)
    whole = objective(x, y, intercept=False, l2=0.05)
    state = removal_state(whole, optimum(whole).weights)
    state = removed(state, losses(x[:29], y[:29], intercept=False))
    factor = replace(state.factor, lower=state.factor.lower.view(Counted), scale=state.factor.scale.view(Counted))
    solved = []

    def refuse(*args, **options):
        raise AssertionError("something was factorised")

    with monkeypatch.context() as patch:
        for module, name in ((linalg, "cholesky"), (np.linalg, "solve"), (np.linalg, "cholesky"), (np.linalg, "inv")):
            patch.setattr(module, name, refuse)
        plain = PositiveFactor.solve
        patch.setattr(PositiveFactor, "solve", lambda self, b: solved.append(b) or plain(self, b))
        Counted.done = 0
        step(removed(replace(state, factor=factor), losses(x[29:30], y[29:30], intercept=False)))
    return Counted.done + 2 * d * d * len(solved), len(solved)


def test_the_work_of_a_removal_grows_as_the_square_of_the_weights_and_factorises_nothing(monkeypatch):
    small, large = (work(d, monkeypatch) for d in (100, 400))
    assert large[0] / small[0] < 17.5
    assert large[0] > 400**2  # it was counted
    assert max(small[1], large[1]) < 40


def test_a_factor_is_changed_as_one_that_is_made_anew():
    draw = np.random.default_rng(2)
    x, units = draw.normal(size=(80, 9)), 10.0 ** np.arange(-4, 5)
    matrix, columns = x.T @ x * np.outer(units, units), (x[:5] * units).T
    before = PositiveFactor.of(matrix)
    left, b = before.without(columns), draw.normal(size=9) * units
    anew = PositiveFactor.of(matrix - columns @ columns.T)
    assert left.solve(b) * units == pytest.approx(anew.solve(b) * units, rel=1e-12)
    assert left.times(b) == pytest.approx((matrix - columns @ columns.T) @ b, rel=1e-12)
    assert positive_factor.LEAST < left.reciprocal_condition < 1.01 * anew.reciprocal_condition


def test_five_thousand_changes_lose_few_digits():
    """Of 5,100 rows all but 100 go one by one."""
    draw = np.random.default_rng(3)
    x = draw.normal(size=(5_100, 5))
    factor = PositiveFactor.of(x.T @ x)
    for row in range(5_000):
        factor = factor.without(x[[row]].T)
    left, b = x[5_000:], np.ones(5)
    assert factor.solve(b) == pytest.approx(np.linalg.solve(left.T @ left, b), rel=1e-11)


def test_what_leaves_a_singular_matrix_is_refused():
    x = np.eye(3)
    x[2] = 5.0
    factor = PositiveFactor.of(x.T @ x)
    with pytest.raises(np.linalg.LinAlgError, match=r"not positive definite|singular"):
        factor.without(x[[0]].T)


def test_removals_of_all_and_absolute_penalties_are_refused():
    x, y = drawn("logistic", n=20, d=2)
    whole = objective(x, y, l2=0.05)
    state = removal_state(whole, optimum(whole).weights)
    with pytest.raises(ValueError, match="20 of 20 examples are to be removed"):
        removed(removed(state, losses(x[:10], y[:10])), losses(x[10:], y[10:]))
    with pytest.raises(ValueError, match="absolute penalty"):
        removal_state(replace(whole, l1=0.1), state.weights)


def test_rounding_is_within_its_bound_where_all_but_the_penalty_goes():
    """Of one weight, in fractions: taking the only row that matters leaves the rounding of its square, beside a small penalty."""
    draw, shares = np.random.default_rng(0), []
    for penalty in 10 ** draw.uniform(-11, -7, 40):
        x, y, w = np.array([[1 - draw.random() / 4], [0.0]]), np.array([draw.normal(), 0.0]), np.array([draw.normal()])
        state = removed(
            removal_state(objective(x, y, "squared", False, mean=False, l2=penalty), w), losses(x[:1], y[:1], "squared", False)
        )
        exact = (Fraction(x[0, 0]) * Fraction(w[0]) - Fraction(y[0])) * Fraction(x[0, 0]) / Fraction(penalty)
        off = abs(float(Fraction(step(state)[0]) - exact))
        slope = abs(x[0, 0] * w[0] - y[0]) * x[0, 0]
        bound = rounding_error(Constants(penalty / 2, slope, x[0, 0] ** 2, 0.0), examples=2, removed=1, size=1)
        assert off <= bound
        shares.append((off / bound, off / (RESIDUAL * float(exact))))
    assert np.max(shares, axis=0)[0] > 1e-3  # of a worst case that is no further off than that
    assert np.max(np.abs(shares), axis=0)[1] > 100  # and what a residual may leave is not all


def test_a_step_is_refused_by_the_residual_that_it_has_and_not_by_that_of_a_recurrence(monkeypatch):
    x, y = drawn("logistic")
    whole = objective(x, y, l2=0.05, mean=True, penalised_intercept=True)
    state = removed(removal_state(whole, optimum(whole).weights), losses(x[:5], y[:5]))

    def wrong(*asked):
        found = conjugate_gradients(*asked)
        return found._replace(x=found.x * (1 + 2e-8))

    monkeypatch.setattr(online_removal, "conjugate_gradients", wrong)
    with pytest.raises(np.linalg.LinAlgError, match="conjugate gradients left"):
        step(state)
