"""Releases with noise and their certificates."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from convex_problems import aligned_logistic
from untrain.core.errors import ModelError, RequestError, SpecError
from untrain.data.examples import Examples, take
from untrain.maths.gaussian_mechanism import epsilon_of, noise_multiplier
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.online_removal import weights_after
from untrain.maths.removal_bounds import RemovalBound, constants_of, jackknife_error, newton_error, rounding_error
from untrain.models.tasks.regression import Regression
from untrain.training.keepers.files import load_kept, save_kept
from untrain.training.keepers.hessianfactor import HessianFactor, KeptFactor
from untrain.training.learners.convex import Convex
from untrain.training.problem import Problem
from untrain.unlearners.certifiednewton import CertifiedNewton
from untrain.unlearners.newton import Newton

LEARNER = Convex(l2=0.05, bias="none", tuned=False, keepers=(HessianFactor(),))


def signs(x, y):
    return Examples.labelled(torch.as_tensor(x), torch.as_tensor((y > 0).astype(np.int64)), np.arange(len(y)), 2)


def flat(model):
    return model.line.weight.detach().numpy().ravel().copy()


@pytest.fixture(scope="module")
def data():
    return signs(*aligned_logistic())


@pytest.fixture(scope="module")
def trained(data):
    return LEARNER.run(data)


def asked(data, rows, kept, learner=LEARNER, seed=0):
    """The problem of removing some rows, without those that stay."""
    return Problem(learner.task.resolve(data), take(data, np.asarray(rows)), recipe=learner, kept=kept, seed=seed)


def noiseless(outcome):
    return weights_after(KeptFactor.of(outcome.kept["HessianFactor"]).state)


@pytest.mark.parametrize("hessian", ["corrected", "original"])
@pytest.mark.parametrize("form", ["mean", "sum"])
def test_without_noise_it_is_the_newton_step_and_no_example_that_stays_is_read(data, form, hessian):
    learner = replace(LEARNER, form=form, l2=0.05 if form == "mean" else 200.0)
    model, kept = learner.run(data)
    outcome = CertifiedNewton(hessian=hessian, removals=20).run(model, asked(data, range(20), kept, learner))
    whole = Problem(learner.task.resolve(data), take(data, np.arange(20)), take(data, np.arange(20, 4000)), recipe=learner)
    assert noiseless(outcome) == pytest.approx(flat(Newton(hessian=hessian)(model, whole)), abs=1e-12)
    assert outcome.certificate.guarantee is not None


@pytest.mark.parametrize("hessian", ["corrected", "original"])
def test_the_distance_to_retraining_is_within_what_was_measured_and_that_within_the_bound(data, trained, hessian):
    model, kept = trained
    for m in (1, 16, 128):
        certificate = (outcome := CertifiedNewton(hessian=hessian, removals=m).run(model, asked(data, range(m), kept))).certificate
        aim = flat(LEARNER(take(data, np.arange(m, 4000))))
        assert np.linalg.norm(noiseless(outcome) - aim) <= certificate.measured <= certificate.bound
        constants = constants_of(LinearLoss("logistic"), 0.05, 1.0)
        error = newton_error if hessian == "corrected" else jackknife_error
        assert certificate.bound == error(constants, 4000, m, left=1e-10) + rounding_error(constants, 4000, m, 8, left=1e-10)
        assert certificate.std == pytest.approx(certificate.bound * noise_multiplier(1.0, 1e-5), rel=1e-12)


@pytest.mark.parametrize("hessian", ["corrected", "original"])
@pytest.mark.parametrize("form", ["mean", "sum"])
def test_of_longer_rows_and_of_sums_the_bound_is_the_formula_in_numbers_and_holds(form, hessian):
    n, m, tolerance, radius = 1000, 16, 1e-5, 3.0
    data = take(signs(*aligned_logistic()), np.arange(n))
    data = data.with_inputs(radius * data.x)
    learner = replace(LEARNER, form=form, l2=0.5 if form == "mean" else 500.0, tolerance=tolerance)
    model, kept = learner.run(data)
    method = CertifiedNewton(hessian=hessian, removals=m, radius=radius)
    certificate = (outcome := method.run(model, asked(data, range(m), kept, learner))).certificate
    mu, slope, curvature, change, left = 0.5, 6.0, 9 / 4 + 0.5, 27 / (6 * math.sqrt(3)), tolerance
    if form == "sum":  # no example has a share of the penalty, and a mean of n has the n-th part of the gradient
        slope, curvature, left = 3.0, 9 / 4, tolerance / n
    step = m * (slope + left) / (mu * (n - m))
    wanted = change / (2 * mu) * step**2 + left / mu * (n / (n - m) + 1)
    if hessian == "original":
        wanted += m**2 * curvature * (slope + left) / (mu**2 * n * (n - m))
    assert certificate.bound == pytest.approx(wanted, rel=1e-7)
    aim = flat(replace(learner, tolerance=1e-9)(take(data, np.arange(m, n))))
    assert np.linalg.norm(noiseless(outcome) - aim) <= certificate.measured <= certificate.bound


def test_a_long_row_that_stays_is_seen():
    data = take(signs(*aligned_logistic()), np.arange(1000))
    x = data.x.clone()
    x[500] *= 2 / x[500].norm()
    assert fails(data.with_inputs(x), LEARNER) == ("a row has a norm above radius=1",)


def test_noise_is_fresh_of_the_size_that_is_said_and_never_in_the_state(data, trained):
    """B6 of the specification of arXiv 2209.12269: after 200 removals, 200 releases spread as one does."""
    model, kept = trained
    method = CertifiedNewton(removals=400, epsilon=0.5)
    now = method.run(model, asked(data, range(200, 399), kept))
    releases, states = [], []
    for seed in range(200):
        outcome = method.run(now.model, asked(data, [399], now.kept, seed=seed))
        releases.append(flat(outcome.model))
        states.append(noiseless(outcome))
    assert np.ptp(states, axis=0).max() == 0.0
    spread = np.array(releases) - states[0]
    assert spread.std() / outcome.certificate.std == pytest.approx(1.0, abs=0.05)
    assert np.abs(spread.mean(0)).max() < 4 * outcome.certificate.std / 200**0.5
    assert np.abs(np.corrcoef(spread.T) - np.eye(8)).max() < 0.28


def test_two_releases_of_one_seed_do_not_share_their_noise(data, trained):
    model, kept = trained
    method = CertifiedNewton(removals=100)
    first = method.run(model, asked(data, [200], kept))
    second = method.run(first.model, asked(data, [201], first.kept))
    other = method.run(model, asked(data, [201], kept))
    noise = [flat(o.model) - noiseless(o) for o in (first, second, other)]
    assert all(abs(np.corrcoef(a, b)[0, 1]) < 0.95 for a, b in ((noise[0], noise[1]), (noise[0], noise[2]), (noise[1], noise[2])))
    again = method.run(first.model, asked(data, [201], first.kept))
    assert np.array_equal(flat(again.model), flat(second.model))


def test_noise_that_no_seed_was_given_for_is_nobodys_to_repeat(data, trained):
    model, kept = trained
    for give in ({}, {"seed": 0}):
        problem = Problem(LEARNER.task.resolve(data), take(data, np.array([200])), recipe=LEARNER, kept=kept, **give)
        releases = [flat(CertifiedNewton()(model, problem)) for _ in range(2)]
        assert np.array_equal(*releases) == bool(give)
    releases = [flat(CertifiedNewton(removals=9).release(model, data, LEARNER, kept).model) for _ in range(2)]
    assert not np.array_equal(*releases)


@pytest.mark.parametrize("other", [{"epsilon": 4.0}, {"hessian": "original"}, {"removals": 50}])
def test_releases_of_one_state_do_not_cancel(data, trained, other):
    """Of draws that both have, in units of their noise, the weighted difference is the weights without any."""
    model, kept = trained
    outcomes = [CertifiedNewton(**fields).run(model, asked(data, [200], kept)) for fields in ({}, other)]
    units = [(flat(o.model) - noiseless(o)) / o.certificate.std for o in outcomes]
    assert np.abs(units[0] - units[1]).max() > 0.1


def test_requests_spend_a_budget_and_the_one_beyond_it_is_told_to_retrain(data, trained):
    model, kept = trained
    method, spent = CertifiedNewton(removals=10), 0.0
    outcome = None
    for m in range(1, 11):
        bound = RemovalBound(constants_of(LinearLoss("logistic"), 0.05, 1.0), 4000, left=1e-10, size=8).at(m)
        at = asked(data, [200 + m], kept if outcome is None else outcome.kept)
        std = None if outcome is None else outcome.certificate.std
        if outcome is not None and outcome.certificate.capacity < m:
            with pytest.raises(RequestError, match=r"spends more than is left of the budget .*: retrain, with Retrain\(\)"):
                method.run(outcome.model, at)
            break
        outcome = method.run(model if outcome is None else outcome.model, at)
        assert std is None or outcome.certificate.std == std
        distance = bound / outcome.certificate.std
        spent += distance**2
        said = outcome.certificate.guarantee
        assert said.epsilon == pytest.approx(epsilon_of(distance, 1e-5))
        assert said.total == pytest.approx(epsilon_of(math.sqrt(spent), 1e-5))
        assert (outcome.certificate.removed, outcome.certificate.releases) == (m, m)
    assert m == 9  # squared bounds grow as m^4, and the sum of 8 of them is below 10^4, of 9 above
    assert outcome.certificate.guarantee.total < 1.0


def test_capacity_is_the_last_request_that_is_met(data, trained):
    model, kept = trained
    method = CertifiedNewton(removals=7)
    with pytest.raises(RequestError, match="retrain"):
        method.run(model, asked(data, range(200, 208), kept))
    first = method.run(model, asked(data, range(200, 203), kept))
    most = first.certificate.capacity - 3
    assert 0 < most < 4
    rows = np.arange(203, 203 + most + 1)
    assert method.run(first.model, asked(data, rows[:-1], first.kept)).certificate.guarantee is not None
    with pytest.raises(RequestError, match="retrain"):
        method.run(first.model, asked(data, rows, first.kept))


def test_a_stream_goes_on_from_files_bound_to_the_released_model(data, trained, tmp_path):
    model, kept = trained
    method, path = CertifiedNewton(removals=50), tmp_path / "state.safetensors"
    outcome = method.run(model, asked(data, [200, 201], kept))
    save_kept(path, HessianFactor(), outcome.kept["HessianFactor"], outcome.model)
    with pytest.raises(ModelError, match="of another model"):
        load_kept(path, model)
    held = load_kept(path, outcome.model)
    last = method.run(outcome.model, asked(data, [202], held))
    once = method.run(model, asked(data, [200, 201, 202], kept))
    assert noiseless(last) == pytest.approx(noiseless(once), abs=1e-14)
    with pytest.raises(RequestError, match="id 201 was removed by an earlier request"):
        method.run(last.model, asked(data, [201], last.kept))


def test_several_classes_are_certified_too():
    digits = ut.Digits().load().train
    data = digits.with_inputs((digits.x[:].double() / 255 / 8).flatten(1))
    learner = replace(LEARNER, bias="penalised")
    model, kept = learner.run(data)
    outcome = CertifiedNewton(radius=1.5, removals=5).run(model, asked(data, range(5), kept, learner))
    assert outcome.certificate.fails == ()
    aim = torch.cat([p.detach().flatten() for p in learner(take(data, np.arange(5, len(data)))).parameters()])
    after = torch.as_tensor(noiseless(outcome)).reshape(10, -1)
    apart = torch.linalg.vector_norm(torch.cat([after[:, :-1].flatten(), after[:, -1]]) - aim)
    assert float(apart) <= outcome.certificate.measured <= outcome.certificate.bound


def test_a_first_release_counts_and_requests_go_on_from_it(data, trained):
    model, kept = trained
    method = CertifiedNewton(removals=2)
    before = flat(model)
    first = method.release(model, data, LEARNER, kept)
    assert np.array_equal(flat(model), before)
    bound = RemovalBound(constants_of(LinearLoss("logistic"), 0.05, 1.0), 4000, left=1e-10, size=8)
    assert first.certificate.std == bound.at(2) * noise_multiplier(1.0, 1e-5)
    assert np.abs(flat(first.model) - before).max() < 6 * first.certificate.std
    spent = (bound.at(0) / first.certificate.std, bound.at(1) / first.certificate.std)
    assert first.certificate.guarantee.total == pytest.approx(epsilon_of(spent[0], 1e-5))
    second = method.run(first.model, asked(data, [200], first.kept))
    assert (second.certificate.releases, second.certificate.removed) == (2, 1)
    assert second.certificate.guarantee.total == pytest.approx(epsilon_of(math.hypot(*spent), 1e-5))
    assert any("is made by release()" in given for given in second.certificate.provided)
    with pytest.raises(RequestError, match="would not be the first"):
        method.release(second.model, data, LEARNER, second.kept)
    with pytest.raises(SpecError, match="give removals"):
        CertifiedNewton().release(model, data, LEARNER, kept)


def fails(data, learner, **fields):
    model, kept = learner.run(data)
    outcome = CertifiedNewton(**fields).run(model, asked(data, [200], kept, learner))
    assert outcome.certificate.guarantee is None
    assert any(note == f"not certified: {'; '.join(outcome.certificate.fails)}" for note in outcome.notes)
    return outcome.certificate.fails


def test_what_is_certified_says_so_in_a_note(data, trained):
    outcome = CertifiedNewton().run(trained[0], asked(data, [200], trained[1]))
    assert any(note.startswith("certified: within (epsilon 1, delta 1e-05) of retraining") for note in outcome.notes)
    assert any("the budget is spent: retrain next" in note for note in outcome.notes)
    for given in (
        "every request went on from what the one before kept, and nothing else was released",
        "inputs were made without looking at the data: by no standardising, components, choice of columns or features learned of "
        "them",
    ):
        assert given in outcome.certificate.provided
        assert any(given in note for note in outcome.notes)


def test_each_assumption_that_fails_is_named_and_nothing_is_certified(data):
    (reason,) = fails(data, replace(LEARNER, tuned=True))
    assert "chosen by looking at the data (tuned=True)" in reason
    (reason,) = fails(data, LEARNER, radius=0.99)
    assert reason == "a row has a norm above radius=0.99"  # how long is of the data, which a reason may not tell
    reasons = fails(data, replace(LEARNER, bias="free"), radius=2.0)
    assert len(reasons) == 1
    assert "the bias has no penalty" in reasons[0]
    assert len(fails(data, replace(LEARNER, bias="penalised", tuned=True))) == 2  # with its 1 a row is longer than 1


def test_a_model_away_from_its_optimum_is_not_certified(data, trained):
    model = Convex(l2=0.06, bias="none")(data)
    kept = {"HessianFactor": HessianFactor().keep(model, data, LEARNER)}
    outcome = CertifiedNewton().run(model, asked(data, [200], kept))
    assert outcome.certificate.fails == ("the model was not at its optimum: the gradient is longer than tolerance=1e-10",)


def test_what_was_not_trained_on_is_refused_and_what_goes_twice(data, trained):
    one = take(data, np.array([200]))
    others = (
        (3 * one.x, one.y), (one.x + 1e-9, one.y), (one.x.float(), one.y), (one.x, 1 - one.y),
    )  # fmt: skip
    for x, y in others:
        problem = replace(asked(data, [200], trained[1]), forget=one.with_fields(x=x, y=y))
        with pytest.raises(RequestError, match="the example with the id 200 is none that the model was trained on"):
            CertifiedNewton().run(trained[0], problem)
    with pytest.raises(RequestError, match="the id 200 is named more often than it was trained on"):
        CertifiedNewton().run(trained[0], asked(data, [200, 201, 200], trained[1]))


def test_rows_that_were_trained_on_twice_go_twice():
    x = torch.tensor([[0.5], [0.5], [-0.5], [0.25]], dtype=torch.float64)
    data = Examples.labelled(x, torch.tensor([1, 1, 0, 0]), np.array([7, 7, 8, 9]), 2)
    model, kept = LEARNER.run(data)
    first = CertifiedNewton(removals=3).run(model, asked(data, [0], kept))
    second = CertifiedNewton(removals=3).run(first.model, asked(data, [1], first.kept))
    assert second.certificate.removed == 2
    with pytest.raises(RequestError, match="the id 7 was removed by an earlier request"):
        CertifiedNewton(removals=3).run(second.model, asked(data, [0], second.kept))


def test_frozen_weights_are_refused(data):
    model, kept = LEARNER.run(data)
    model.line.weight.requires_grad_(False)
    with pytest.raises(ModelError, match="weights are frozen, and a release draws noise for all of them"):
        CertifiedNewton().run(model, asked(data, [200], kept))


def test_what_no_noise_is_enough_for_is_refused(data, trained):
    hinge = replace(LEARNER, loss="squared_hinge")
    model, kept = hinge.run(data)
    with pytest.raises(SpecError, match=r"has a Hessian that jumps, so no noise is enough: take 'logistic'$"):
        CertifiedNewton().run(model, asked(data, [200], kept, hinge))
    numbers = Examples({"x": data.x, "y": data.x.sum(1)}, np.arange(4000))
    ridge = replace(LEARNER, loss="squared", task=Regression())
    model, kept = ridge.run(numbers)
    with pytest.raises(SpecError, match=r"a gradient of any length.* or hessian='corrected', with which the step is exact"):
        CertifiedNewton(hessian="original").run(model, asked(numbers, [200], kept, ridge))
    exact = CertifiedNewton().run(model, asked(numbers, [200], kept, ridge)).certificate
    assert exact.guarantee is None
    assert exact.fails == ("a step of loss='squared' has any length, and so has its rounding error: take 'logistic'",)
    assert exact.std < 1e-7
    plain = replace(ridge, l2=0.0)
    model, kept = plain.run(numbers)
    with pytest.raises(SpecError, match="without a squared penalty"):
        CertifiedNewton().run(model, asked(numbers, [200], kept, plain))


def test_requests_that_it_cannot_meet_are_refused(data, trained):
    model, kept = trained
    with pytest.raises(RequestError, match="is needed: train the model with keepers="):
        CertifiedNewton()(model, asked(data, [200], {}))
    with pytest.raises(RequestError, match="2 examples replace 1"):
        CertifiedNewton()(model, replace(asked(data, [200], kept), replacement=take(data, np.array([201, 202]))))
    with pytest.raises(ModelError, match="of another learner"):
        CertifiedNewton()(model, asked(data, [200], kept, replace(LEARNER, l2=0.06)))
    for made, said in (({"tuned": True, "bias": "free"}, {"bias": "penalised"}), ({"loss": "squared_hinge"}, {})):
        other, saved = replace(LEARNER, **made).run(data)
        with pytest.raises(ModelError, match=r"of another learner, Convex\("):
            CertifiedNewton(radius=2.0)(other, asked(data, [200], saved, replace(LEARNER, **said)))
    with pytest.raises(ModelError, match="what was kept is of another model"):
        CertifiedNewton()(LEARNER(take(data, np.arange(3000))), asked(data, [200], kept))
    twice = CertifiedNewton().run(model, asked(data, [200], kept))
    with pytest.raises(RequestError, match="spends more than is left"):
        CertifiedNewton()(twice.model, asked(data, [201], twice.kept))
    with pytest.raises(RequestError, match="4000 of 4000 examples are to be removed"):
        CertifiedNewton(removals=4000)(model, asked(data, [200], kept))
    first = CertifiedNewton(removals=9).run(model, asked(data, [200], kept))
    with pytest.raises(SpecError, match="earlier requests took hessian='corrected'"):
        CertifiedNewton(removals=9, hessian="original")(first.model, asked(data, [201], first.kept))
    with pytest.raises(ModelError, match="works on models of kind ConvexModel"):
        CertifiedNewton()(torch.nn.Linear(8, 1), asked(data, [200], kept))
