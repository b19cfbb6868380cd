"""Certified releases after examples got other labels or features, against retraining on the corrected data."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from convex_problems import aligned_logistic
from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.maths.gaussian_mechanism import epsilon_of, noise_multiplier
from untrain.maths.linear_losses import LinearLoss
from untrain.maths.online_removal import weights_after
from untrain.maths.removal_bounds import RemovalBound, constants_of
from untrain.training.keepers.hessianfactor import HessianFactor, KeptFactor
from untrain.training.learners.convex import Convex, weights_of
from untrain.unlearners.certifiedremoval import CertifiedRemoval
from untrain.unlearners.guarantee import in_words
from untrain.unlearners.newton import Newton

LEARNER = Convex(l2=0.05, bias="none", tuned=False, keepers=(HessianFactor(),))
METHOD = ut.CertifiedNewton(corrections=40)


def flipped(rows):
    return ut.Relabel(ids=tuple(rows), labels=tuple(int(2 - 1 - label) for label in labels()[list(rows)]))


def labels():
    return (aligned_logistic()[1] > 0).astype(np.int64)


@pytest.fixture(scope="module")
def data():
    x, _ = aligned_logistic()
    y = torch.as_tensor(labels())
    return Examples.labelled(torch.as_tensor(x), y, np.arange(4000), 2)


@pytest.fixture(scope="module")
def trained(data):
    return LEARNER.run(data)


def noiseless(outcome):
    return weights_after(KeptFactor.of(outcome.kept["HessianFactor"]).state)


def asked(data, request, kept, learner=LEARNER):
    return ut.problem(data, request, learner, kept=kept, seed=2**60 + 1)


@pytest.mark.parametrize("hessian", ["corrected", "original"])
@pytest.mark.parametrize("form", ["mean", "sum"])
@pytest.mark.parametrize("kind", ["labels", "features"])
def test_without_noise_it_is_the_newton_step_and_as_near_to_retraining_as_it_says(data, kind, form, hessian):
    """Copies of one point get the other label, or none of their columns: changes that do not cancel."""
    learner = replace(LEARNER, form=form, l2=0.05 if form == "mean" else 200.0)
    model, kept = learner.run(data)
    request = {
        "labels": flipped(range(30)), "features": ut.ReplaceFeatures(features=(0, 1, 2), rows=ut.Ids(ids=tuple(range(30))))
    }[kind]  # fmt: skip
    problem = asked(data, request, kept, learner)
    outcome = ut.CertifiedNewton(hessian=hessian).run(model, problem)
    weights, certificate = noiseless(outcome), outcome.certificate
    assert weights == pytest.approx(weights_of(Newton(hessian=hessian)(model, problem), intercept=False), abs=1e-11)
    aim = weights_of(learner(problem.rest), intercept=False)
    assert 0 < np.linalg.norm(weights - aim) <= certificate.measured <= certificate.bound
    constants = constants_of(LinearLoss("logistic"), learner.l2, 1.0, None if form == "mean" else 4000)
    left = 1e-10 if form == "mean" else 1e-10 / 4000
    bound = RemovalBound(constants, 4000, left, hessian == "original", 8).at(0, 30)
    assert certificate.bound == bound
    assert certificate.std == pytest.approx(bound * noise_multiplier(1.0, 1e-5), rel=1e-12)
    assert certificate.guarantee.epsilon == pytest.approx(1.0)
    assert (certificate.removed, certificate.corrected) == (0, 30)
    assert "0 of 4000 examples are removed and 30 have other values" in in_words(certificate.published())
    assert any("retraining is on the corrected data" in given for given in certificate.provided)


def test_corrections_and_removals_go_on_from_one_another_and_one_row_may_change_twice(data, trained):
    model, kept = trained
    method = ut.CertifiedNewton(corrections=40, removals=5)
    now, account = data, 0.0
    bound = RemovalBound(constants_of(LinearLoss("logistic"), 0.05, 1.0), 4000, left=1e-10, size=8)
    requests = (flipped([200, 201]), ut.ReplaceFeatures(features=(0,), fill=0.1, rows=ut.Ids(ids=(200,))), ut.Ids(ids=(200, 300)))
    for request, counts in zip(requests, ((0, 2), (0, 3), (2, 3)), strict=True):
        problem = asked(now, request, kept)
        outcome = method.run(model, problem)
        model, kept, now = outcome.model, outcome.kept, problem.rest
        assert outcome.certificate.fails == ()
        assert (outcome.certificate.removed, outcome.certificate.corrected) == counts
        assert outcome.certificate.bound == bound.at(*counts)
        account += (bound.at(*counts) / outcome.certificate.std) ** 2
        assert outcome.certificate.guarantee.total == pytest.approx(epsilon_of(account**0.5, 1e-5))
        aim = weights_of(LEARNER(now), intercept=False)
        assert np.linalg.norm(noiseless(outcome) - aim) <= outcome.certificate.measured <= bound.at(*counts)
    with pytest.raises(RequestError, match="id 201 was removed by an earlier request"):  # as it was before it got other values
        method.run(model, asked(data, ut.Ids(ids=(201,)), kept))


def test_a_correction_beyond_the_budget_is_told_to_retrain(data, trained):
    model, kept = trained
    first = METHOD.run(model, asked(data, flipped(range(200, 230)), kept))
    assert first.certificate.guarantee.total < 1.0
    rest = asked(data, flipped(range(200, 230)), kept).rest
    with pytest.raises(RequestError, match="0 of 4000 examples removed and 60 corrected since training"):
        METHOD.run(first.model, asked(rest, flipped(range(230, 260)), first.kept))


def test_what_comes_is_checked_too_and_nothing_is_certified_of_it_or_after_it(data, trained):
    """A row that gets longer than the radius; it is known for the requests after it."""
    model, kept = trained
    problem = asked(data, ut.ReplaceFeatures(features=(0,), fill=3.0, rows=ut.Ids(ids=(200,))), kept)
    outcome = METHOD.run(model, problem)
    assert outcome.certificate.guarantee is None
    assert outcome.certificate.fails == ("a row has a norm above radius=1",)
    after = METHOD.run(outcome.model, asked(problem.rest, ut.Ids(ids=(300,)), outcome.kept))
    assert after.certificate.fails == ("a row has a norm above radius=1",)


def test_a_first_release_may_be_sized_for_corrections_alone(data, trained):
    model, kept = trained
    first = METHOD.release(model, data, LEARNER, kept)
    bound = RemovalBound(constants_of(LinearLoss("logistic"), 0.05, 1.0), 4000, left=1e-10, size=8)
    assert first.certificate.std == bound.at(0, 40) * noise_multiplier(1.0, 1e-5)
    second = METHOD.run(first.model, asked(data, flipped([200]), first.kept))
    assert (second.certificate.releases, second.certificate.corrected) == (2, 1)


def test_methods_whose_bound_is_of_removals_name_the_one_for_corrections(data):
    learner = ut.PerturbedConvex(by=replace(LEARNER, form="sum", l2=200.0, keepers=()), keepers=(ut.RemovalAccount(),))
    model, kept = learner.run(data, seed=2**60 + 1)
    with pytest.raises(RequestError, match=r"this request corrects: take CertifiedNewton\(\)"):
        CertifiedRemoval().run(model, asked(data, flipped([200]), kept, learner))
