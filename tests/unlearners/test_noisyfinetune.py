"""Clipped steps with noise: by their formulas, with the noise that is said, and certified only where all weights are hidden."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import SpecError
from untrain.core.mask import Mask
from untrain.data.examples import Examples, take
from untrain.maths.descent_bounds import clipped_models, noisy_descents
from untrain.maths.gaussian_mechanism import noise_multiplier
from untrain.models.architectures.mlp import MLP
from untrain.training.learners.train import Train
from untrain.training.problem import problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners.noisyfinetune import NoisyFinetune, clipped

LEARNER = Train(model=MLP(width=64), steps=Steps(lr=0.1, epochs=2, batch=16))
PLAIN = Steps(lr=0.01, epochs=0)


@pytest.fixture(scope="module")
def data():
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(40, 6, generator=draw)
    return Examples.labelled(x, (x[:, 0] > 0).long(), np.arange(40), 2)


@pytest.fixture(scope="module")
def model(data):
    return LEARNER(data)


def flat(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


@pytest.mark.parametrize("clip", ["model", "gradient"])
@pytest.mark.parametrize("tight", [False, True])
def test_without_noise_a_step_is_what_its_formula_says(data, model, clip, tight, monkeypatch):
    monkeypatch.setattr(NoisyFinetune, "_noise", lambda made, steps: (0.0, 0.0))
    radius, slope = (2.0, 0.1) if tight else (1e3, 1e3)
    asked = problem(data, [0, 1], LEARNER)
    method = NoisyFinetune(clip=clip, radius=radius, slope=slope, lr=0.5, decay=0.2, epochs=1, batch=38, after=PLAIN)
    found = flat(method(model, asked))
    start = flat(model)
    if clip == "gradient":
        start = clipped([start], radius)[0]
    copy = LEARNER.init(data, 0)
    nn.utils.vector_to_parameters(start, copy.parameters())
    nn.functional.cross_entropy(copy(data.x[2:]), data.y[2:]).backward()
    grad = torch.cat([p.grad.flatten() for p in copy.parameters()])
    if clip == "gradient":
        aim = start - 0.5 * (clipped([grad], slope)[0] + 0.2 * start)
    else:
        aim = clipped([start - 0.5 * (grad + 0.2 * start)], radius)[0]
    assert torch.allclose(found, aim, atol=1e-5)
    assert (float(found.norm()) < 3) == tight


@pytest.mark.parametrize("clip", ["model", "gradient"])
def test_noise_has_the_size_that_the_theorem_asks_for_and_adds_up_over_steps(data, model, clip):
    """Of 578 weights, each with the noise of all steps, or of the last alone where weights are clipped to nothing."""
    method = NoisyFinetune(clip=clip, radius=1e-3, slope=1e-9, lr=1e-3, epochs=3, batch=10, after=PLAIN)
    outcome = method.run(model, problem(data, [0, 1], LEARNER, seed=4))
    said, steps = outcome.certificate, 3 * 4
    if clip == "model":
        assert said.std == clipped_models(1.0, 1e-5, steps, 1e-3)
        spread = said.std
        assert float(flat(outcome.model).norm()) < 10 * spread * math.sqrt(578)
    else:
        assert said.std == pytest.approx(noisy_descents(1e-3, steps, 1e-3, 1e-9, 0.0) * noise_multiplier(1.0, 1e-5))
        assert said.bound == pytest.approx(2e-3, rel=1e-6)
        spread = said.std * math.sqrt(steps)
    assert float(flat(outcome.model).std()) / spread == pytest.approx(1.0, abs=0.15)  # 5 standard errors
    assert (said.fails, said.removed, said.examples, said.capacity) == ((), 2, 40, 39)
    assert said.guarantee.total == said.guarantee.epsilon == 1.0


def test_no_two_releases_share_their_noise(data, model):
    """Nor do seeds that differ above 32 bits, which is all that torch takes of them; without one nobody can draw it again."""
    method = NoisyFinetune(radius=1e-3, slope=1e-9, lr=1e-3, epochs=1, batch=40, after=PLAIN)
    asked, other = problem(data, [0, 1], LEARNER, seed=4), LEARNER(data, 7)
    releases = [
        (method, model, asked), (method, other, asked), (replace(method, epsilon=2.0), model, asked),
        (replace(method, radius=2e-3), model, asked), (method, model, problem(data, [0, 2], LEARNER, seed=4)),
        (method, model, replace(asked, seed=4 + 2**40)), (method, model, problem(data, [0, 1], LEARNER)),
        (method, model, problem(data, [0, 1], LEARNER)),
    ]  # fmt: skip
    made = [flat(by(start, of)).numpy() for by, start, of in releases]
    assert all(abs(np.corrcoef(a, b)[0, 1]) < 0.25 for a, b in combinations(made, 2))  # 6 standard errors
    assert np.array_equal(flat(method(model, asked)).numpy(), made[0])


def test_what_a_model_knew_is_hidden_and_plain_steps_learn_what_stays(data, model):
    after = Steps(lr=0.1, epochs=20, batch=16, optimizer=SGD(), schedule=Constant())
    outcome = NoisyFinetune(epochs=4, batch=8, radius=0.2, after=after).run(model, problem(data, [0, 1], LEARNER))
    with torch.no_grad():
        assert (outcome.model(data.x[2:]).argmax(1) == data.y[2:]).float().mean() > 0.9
    assert outcome.certificate.guarantee is not None
    for given in ("inputs were made without looking at the data", "the model before this request was shown to nobody"):
        assert any(each.startswith(given) for each in outcome.certificate.provided)


class Normed(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def test_statistics_are_of_what_stays_alone_and_do_not_fail(data):
    learner = Train(model=Normed, steps=Steps(lr=0.1, epochs=1, batch=16))
    asked, method = problem(data, [0, 1], learner, seed=4), NoisyFinetune(epochs=1, after=PLAIN)
    model = learner(data)
    other = learner(data)
    other[1].running_mean.fill_(1e3)
    assert torch.equal(model[0].weight, other[0].weight)
    made = [method.run(each, asked) for each in (model, other)]
    assert made[0].certificate.fails == ()
    assert torch.equal(made[0].model[1].running_mean, made[1].model[1].running_mean)


def test_a_lone_example_that_is_normalised_by_what_was_learned_is_not_certified(data):
    learner = Train(model=Normed, steps=Steps(lr=0.1, epochs=1, batch=16))
    outcome = NoisyFinetune(epochs=1, batch=1, after=PLAIN).run(learner(data), problem(data, [0, 1], learner))
    assert outcome.certificate.fails == (
        "a batch of one example is normalised by what batch norm learned before: take a larger batch",
    )


def test_what_does_not_move_is_certified_only_as_in_a_fresh_model(data):
    learner = Train(model=Normed, steps=Steps(lr=0.1, epochs=1, batch=16))
    method, asked = NoisyFinetune(epochs=1, after=PLAIN), problem(data, [0, 1], learner, origin=0)
    model = learner(data)
    model[0].weight.requires_grad_(False)
    (reason,) = method.run(model, asked).certificate.fails
    assert reason == "1 tensors keep what they learned, '0.weight' among them: noise hides only what moves"
    with torch.no_grad():
        model[0].weight.copy_(learner.init(data, 0)[0].weight)
    assert method.run(model, asked).certificate.fails == ()
    bits = {n: torch.rand(p.shape, generator=torch.Generator().manual_seed(0)) < 0.9 for n, p in model.named_parameters()}
    masked = method.run(learner(data), replace(asked, mask=Mask(bits, asked.digest), head="masked"))
    assert masked.certificate.guarantee is None
    model = learner(data)
    model.register_buffer("seen", data.x[0])
    assert method.run(model, asked).certificate.fails == (
        "1 tensors keep what they learned, 'seen' among them: noise hides only what moves",
    )


def test_a_step_that_turns_weights_round_is_refused(data, model):
    with pytest.raises(SpecError, match=r"lr=0.5 times decay=3 is above 1"):
        NoisyFinetune(lr=0.5, decay=3.0)(model, problem(take(data, np.arange(40)), [0], LEARNER))
