"""Private training and what it is worth when examples are to be forgotten."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import NotFinite, RequestError
from untrain.data.examples import Examples, take
from untrain.maths.subsampled_gaussian import group_epsilon
from untrain.models.architectures.mlp import MLP
from untrain.training.learners.dpsgd import DPSGD
from untrain.training.learners.train import Train
from untrain.training.problem import problem
from untrain.unlearners.groupprivacy import GroupPrivacy

LEARNER = DPSGD(model=MLP(width=16), rounds=1, rate=1.0, expected=20, noise=1e-9, tuned=False)


@pytest.fixture(scope="module")
def data():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(30, 6, generator=draw)
    return Examples.labelled(x, (x[:, 0] > 0).long(), np.arange(30), 2)


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_step_is_the_sum_of_gradients_each_clipped_by_itself(data):
    learner = replace(LEARNER, clip=0.3, lr=0.7)
    model, total = learner.init(data, 2), 0.0
    for x, y in zip(data.x, data.y, strict=True):
        model.zero_grad()
        nn.functional.cross_entropy(model(x[None]), y[None]).backward()
        grad = torch.cat([p.grad.flatten() for p in model.parameters()])
        total = total + grad * min(1.0, 0.3 / float(grad.norm()))
    assert torch.allclose(flat(learner.learn(data, 2)), flat(model) - 0.7 / 20 * total, atol=1e-6)


def test_noise_is_of_each_step_and_of_the_size_that_is_said_and_batches_are_samples(data, monkeypatch):
    learner = replace(LEARNER, clip=1e-6, noise=2e6, lr=0.5, rounds=9)
    moved = flat(learner.learn(data, 3)) - flat(learner.init(data, 3))
    assert float(moved.std()) == pytest.approx(0.5 / 20 * 2.0 * 3, rel=0.25)  # of 146 weights
    sizes = []
    from untrain.training.learners import dpsgd

    def noted(model, task, sets, order, params):
        sizes.append(len(order))
        return iter(())

    monkeypatch.setattr(dpsgd, "of_examples", noted)
    replace(LEARNER, rate=0.2, rounds=300).learn(data, 0)
    assert np.mean(sizes) == pytest.approx(30 * 0.2, abs=0.6)
    assert np.var(sizes) == pytest.approx(30 * 0.2 * 0.8, rel=0.4)


def test_noise_does_not_know_the_initial_weights_and_is_of_the_whole_seed(data):
    """Torch draws of the lower 32 bits of a seed, and initial weights are drawn so."""
    learner = replace(LEARNER, clip=1e-9, noise=1e9, lr=1.0)

    def noise(examples, *seed):
        first = learner.init(examples, *seed) if seed else learner.init(examples, 0)
        return -20 * (flat(learner(examples, *seed)) - flat(first)).numpy()

    by_torch = torch.Generator().manual_seed(3)
    known = torch.cat([torch.randn(p.shape, generator=by_torch).flatten() for p in learner.init(data, 3).parameters()]).numpy()
    draws = [known, noise(data, 3), noise(data, 3 + 2**40), noise(data), noise(data), noise(take(data, np.arange(1, 30)), 3)]
    assert all(abs(np.corrcoef(a, b)[0, 1]) < 0.4 for a, b in combinations(draws, 2))  # 5 standard errors of 146
    assert np.array_equal(noise(data, 3), draws[1])


def test_a_certificate_costs_what_the_group_costs_and_capacity_is_the_last(data):
    learner = replace(LEARNER, noise=20.0, rounds=4, rate=0.5)
    method, model = GroupPrivacy(epsilon=0.9), learner.learn(data, 0)
    outcome = method.run(model, problem(data, [0, 1], learner))
    said = outcome.certificate
    assert said.guarantee.epsilon == group_epsilon(2, 0.5, 20.0, 4, 1e-5)
    assert torch.equal(flat(outcome.model), flat(model))
    assert "the model is as the learner made it of the data of the problem" in said.provided
    assert any(given.startswith("inputs were made without looking at the data") for given in said.provided)
    assert 2 < said.capacity < 20
    assert method.run(model, problem(data, list(range(said.capacity)), learner)).certificate.guarantee.epsilon <= 0.9
    with pytest.raises(RequestError, match=r"retrain, with Retrain\(\)"):
        method.run(model, problem(data, list(range(said.capacity + 1)), learner))


def test_training_that_was_tuned_or_was_not_private_is_not_certified(data):
    learner = replace(LEARNER, noise=50.0, tuned=True)
    assert "tuned=True" in GroupPrivacy().run(learner.learn(data, 0), problem(data, [0], learner)).certificate.fails[0]
    plain = Train(model=MLP(width=16))
    outcome = GroupPrivacy().run(plain.init(data, 0), problem(data, [0], plain))
    assert outcome.certificate.fails == ("training was not private: take DPSGD()",)


def test_inputs_that_are_not_finite_are_refused(data):
    wrong = data.with_inputs(torch.full_like(data.x, float("nan")))
    with pytest.raises(NotFinite, match="the gradient of an example is NaN"):
        LEARNER.learn(wrong, 0)
