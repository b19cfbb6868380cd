"""Private training against opacus 1.6.0 with torch 2.13.0: numbers that it gave for this network and these examples.

Its optimizer was ``DPOptimizer(SGD(lr=0.5), noise_multiplier=0, max_grad_norm=0.7, expected_batch_size=4)`` in float64 on the
gradients of ``GradSampleModule``, its accountant ``RDPAccountant`` with our orders, and beside it ``PRVAccountant``.
"""

import numpy as np
import pytest
import torch
from torch import nn

from untrain.data.examples import Examples
from untrain.maths.subsampled_gaussian import epsilon
from untrain.training.learners.dpsgd import DPSGD

LENGTHS = (0.35926170516618217, 1.7418068528135489, 2.8565137573861796, 1.1291420426867143, 2.6368822457950682, 0.7803454955228808)
AFTER = (
    0.03032208406989567, 0.9904939123800324, -0.2873188699240373, -0.9126931548065402, 0.5033436107466551, 0.7968408278664743,
    -0.7057350545293496, -0.6085588681832741, 0.8769300457569948, 0.3859140986963246, -0.9703494704503327, -0.14930182961058902,
    0.842833075494741, 0.4255519769816771, -0.9499692137880146, -0.18188227902768023, 0.8817952030742072, -0.6681720069054513,
    -0.8642104429822378, 0.8098119050349064, 0.6124194166432362, -0.7413598939747121, -0.26678332681057804, 0.8911646364859455,
    0.12443196634154652, -0.9832352158457801,
)  # fmt: skip
ACCOUNTS = (  # rate, noise, rounds, delta, epsilon by Renyi divergences, epsilon by the privacy loss
    (0.01, 1.0, 1000, 1e-5, 2.107753075451561, 1.8293687321449958),
    (0.05, 2.0, 200, 1e-5, 1.7228786422787101, 1.5617092514860202),
    (0.05, 40.0, 50, 1e-5, 0.0270928778007279, 0.024347055459032478),
    (0.1, 0.8, 50, 1e-3, 7.252033340856497, 5.250816101370125),
    (0.001, 0.7, 5000, 1e-6, 2.358742182744351, 1.381733887961147),
)


def net():
    """A perceptron whose weights are sines."""
    made = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    with torch.no_grad():
        for at, p in enumerate(made.parameters()):
            p.copy_(torch.sin(torch.arange(p.numel(), dtype=torch.float64) * 1.7 + at).reshape(p.shape))
    return made


def data():
    x = torch.cos(torch.arange(18, dtype=torch.float64) * 0.9).reshape(6, 3) * torch.arange(1, 7)[:, None]
    return Examples.labelled(x, torch.tensor([0, 1, 1, 0, 1, 0]), np.arange(6), 2)


def test_one_step_without_noise_is_that_of_opacus():
    """It divides by a length that is 1e-6 longer than it is, and so is within that."""
    assert LENGTHS[0] < 0.7 < min(LENGTHS[1:])  # one gradient is left as it is
    learner = DPSGD(model=net, lr=0.5, rounds=1, rate=1.0, expected=4, clip=0.7, noise=1e-12)
    after = torch.cat([p.detach().flatten() for p in learner(data(), 0).parameters()])
    assert after.tolist() == pytest.approx(AFTER, abs=5e-7)
    before = torch.cat([p.detach().flatten() for p in net().parameters()])
    assert float((after - before).norm()) > 0.1


def test_noise_on_the_sum_has_the_size_that_opacus_gives_it():
    """Of 3,000 steps of 26 weights with a noise multiplier of 1.3 and gradients of 0.7 opacus had 0.9110: 1.3 * 0.7 = 0.91."""
    fields = {"model": net, "lr": 4.0, "rounds": 1, "rate": 1.0, "expected": 4, "clip": 0.7}
    quiet = torch.cat([p.flatten() for p in DPSGD(noise=1e-12, **fields)(data(), 0).parameters()])
    drawn = [torch.cat([p.flatten() for p in DPSGD(noise=1.3, **fields)(data(), seed).parameters()]) - quiet for seed in range(20)]
    assert float(torch.stack(drawn).detach().std()) == pytest.approx(0.9110, rel=0.14)  # lr / expected is 1


@pytest.mark.parametrize(("rate", "noise", "rounds", "delta", "renyi", "loss"), ACCOUNTS)
def test_the_accountant_is_that_of_opacus_and_above_the_law_of_the_privacy_loss(rate, noise, rounds, delta, renyi, loss):
    found = epsilon(rate, noise, rounds, delta)
    assert found == pytest.approx(renyi, rel=1e-9)
    assert loss < found < 1.8 * loss
