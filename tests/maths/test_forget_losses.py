"""Losses of unlearning by token: worked numbers, gradients in the logits, and what they have in common."""

import math

import pytest
import torch
from torch.nn import functional as F

from untrain.maths import forget_losses as losses

P, BEFORE = [0.5, 0.3, 0.2], [0.8, 0.1, 0.1]
Y, ONE = torch.tensor([[0]]), torch.tensor([[True]])


def of(p):
    """Logits of one place with these probabilities."""
    return torch.tensor([[p]], dtype=torch.float64).log()


def nll(z):
    return -z.log_softmax(-1).gather(-1, Y[..., None])[..., 0]


def npo(beta, granularity="sequence"):
    return lambda z: losses.negative_preference(nll(z), nll(of(BEFORE)), ONE, beta, granularity)


WORKED = {
    "NPO .1": (npo(0.1), 13.398462, (0.488252, -0.292951, -0.195301)),
    "NPO 1": (npo(1.0), 0.971016, (0.384615, -0.230769, -0.153846)),
    "NPO 1, token": (npo(1.0, "token"), 0.971016, (0.384615, -0.230769, -0.153846)),
    "NPO 1, batch": (npo(1.0, "batch"), 0.971016, (0.384615, -0.230769, -0.153846)),
    "NPO 1e-4": (npo(1e-4), 13862.473613, (0.499988, -0.299993, -0.199995)),
    "SimNPO": (lambda z: losses.simple_preference(nll(z), 4.5, 0.0), 0.019220, (0.042324, -0.025394, -0.016929)),
    "SimNPO .5": (lambda z: losses.simple_preference(nll(z), 4.5, 0.5), 0.155629, (0.295429, -0.177257, -0.118171)),
    "CE-U": (lambda z: losses.without_target(z, Y), 1.366159, (0.5, -0.3, -0.2)),
    "WGA 1": (lambda z: losses.weighted_ascent(nll(z), 1.0), -0.346574, (0.25, -0.15, -0.1)),
    "WGA 2": (lambda z: losses.weighted_ascent(nll(z), 2.0), -0.173287, (0.125, -0.075, -0.05)),
    "SatImp": (lambda z: losses.weighted_ascent(nll(z), 5.0, 1.0), -0.010830, (0.007812, -0.004687, -0.003125)),
    "UNDIAL 10": (lambda z: losses.lowered_target(z, of(BEFORE), Y, 10.0), 1.406576, (0.499818, -0.199909, -0.299909)),
    "UNDIAL 2": (lambda z: losses.lowered_target(z, of(BEFORE), Y, 2.0), 1.156093, (0.148786, -0.024393, -0.124393)),
    "RESTOR's code": (lambda z: -losses.cross_entropy_from(z, of(BEFORE)), -1.262864, (0.519860, -0.311916, -0.207944)),
    "KL": (lambda z: -losses.divergence_from(z, of(BEFORE)), -0.233211, (0.351607, -0.259620, -0.091987)),
    "KL of retain": (lambda z: losses.divergence_from(of(BEFORE), z), 0.196827, (-0.3, 0.2, 0.1)),
    "PDU": (losses.peakedness, 0.226296, (0.634274, -0.317137, -0.317137)),
}


@pytest.mark.parametrize("name", WORKED)
def test_values_and_gradients_in_the_logits_are_the_worked_ones(name):
    loss, value, gradient = WORKED[name]
    z = of(P).requires_grad_()
    found = loss(z).sum()
    assert found.item() == pytest.approx(value, rel=1e-6, abs=1e-6)
    assert torch.autograd.grad(found, z)[0].flatten().tolist() == pytest.approx(gradient, abs=1e-6)


GRANULARITY = {
    1.0: {"token": 1.130952, "sequence": 0.861421, "batch": 1.066764},
    0.1: {"token": 13.522691, "sequence": 13.181433, "batch": 13.516006},
}


@pytest.mark.parametrize("beta", GRANULARITY)
def test_preferences_of_tokens_sequences_and_batches_differ_as_worked(beta):
    more = torch.tensor([[0.2, 1.0, 7.0], [-0.4, 0.6, 7.0]], dtype=torch.float64)  # of which the last place is not scored
    scored = torch.tensor([[True, True, False]] * 2)
    for granularity, value in GRANULARITY[beta].items():
        found = losses.negative_preference(1 + more, torch.ones_like(more), scored, beta, granularity)
        assert found.item() == pytest.approx(value, abs=1e-6)


def test_a_preference_pulls_less_the_further_it_is_and_at_first_like_ascent():
    for beta, wanted in ((1e-4, -0.999970), (0.1, -0.970009), (1.0, -0.708687)):
        now = torch.tensor([[0.6]], dtype=torch.float64, requires_grad=True)
        found = losses.negative_preference(now, torch.zeros_like(now), ONE, beta, "sequence")
        assert torch.autograd.grad(found, now)[0].item() == pytest.approx(wanted, abs=1e-6)
    now = torch.tensor([[0.6]], requires_grad=True)
    first = losses.negative_preference(now, now.detach(), ONE, 0.7, "sequence")
    assert torch.autograd.grad(first, now)[0].item() == pytest.approx(-1)


def test_a_preference_over_another_answer_is_the_worked_one_and_npo_where_the_preferred_one_stays():
    now, before = torch.tensor([2.0, 3.0], dtype=torch.float64), torch.tensor([1.0, 4.0], dtype=torch.float64)
    gains = (now - before).split(1)
    assert losses.preference_over(*gains, 0.1).item() == pytest.approx(15.962777, abs=1e-6)
    for beta in (0.1, 1.0):
        npo = losses.negative_preference(now[1:, None], before[1:, None], ONE, beta, "sequence")
        assert losses.preference_over(torch.zeros(1), gains[1], beta).item() == pytest.approx(npo.item())


def drawn(places=4, outputs=7):
    torch.manual_seed(0)
    z = torch.randn(3, places, outputs, dtype=torch.float64)
    return z, torch.randint(outputs, (3, places)), torch.rand(3, places) < 0.7


def test_cross_entropy_without_the_target_is_that_of_the_others_and_their_entropy():
    z, y, _ = drawn()
    z.requires_grad_()
    found = losses.without_target(z, y)
    p = z.softmax(-1).detach()
    own = p.gather(-1, y[..., None])
    rest = p.scatter(-1, y[..., None], 0.0) / (1 - own)
    entropy = -torch.special.xlogy(rest, rest).sum(-1)
    assert torch.allclose(found, -(1 - own[..., 0]).log() + entropy)
    gradient = torch.autograd.grad(found.sum(), z)[0]
    assert torch.allclose(gradient, torch.where(F.one_hot(y, 7).bool(), p, -p * own / (1 - own)))


def test_weighted_ascent_scales_the_gradient_of_ascent():
    z, y, _ = drawn()
    z.requires_grad_()
    each = -z.log_softmax(-1).gather(-1, y[..., None])[..., 0]
    p = z.softmax(-1).detach()
    for beta in (0.0, 1.5):
        gradient = torch.autograd.grad(losses.weighted_ascent(each, beta).sum(), z, retain_graph=True)[0]
        assert torch.allclose(gradient, -(p.gather(-1, y[..., None]) ** beta) * (p - F.one_hot(y, 7)))
    assert torch.equal(losses.weighted_ascent(each, 2.0, 0.0), losses.weighted_ascent(each, 2.0))


def test_a_simple_preference_is_one_against_a_likelihood_of_one():
    mean = torch.tensor([0.3, 1.2], dtype=torch.float64)
    theirs = [losses.negative_preference(one.view(1, 1), torch.zeros(1, 1), ONE, 4.5, "sequence").item() for one in mean - 0.4]
    assert losses.simple_preference(mean, 4.5, 0.4).tolist() == pytest.approx(theirs)


def test_an_absurd_loss_gives_finite_values_and_gradients():
    for value in (0.0, 1e4):
        now = torch.full((1, 2), value, requires_grad=True)
        for granularity in ("token", "sequence", "batch"):
            found = losses.negative_preference(now, torch.zeros(1, 2), torch.ones(1, 2).bool(), 10.0, granularity)
            assert math.isfinite(found.item())
            assert torch.autograd.grad(found, now)[0].isfinite().all()
        assert losses.weighted_ascent(now, 5.0, 1.0).isfinite().all()


def test_outputs_are_peaked_unless_they_are_all_alike():
    z, _, _ = drawn()
    assert bool((losses.peakedness(z) > 0).all())
    assert losses.peakedness(torch.full((1, 1, 5), 3.0)).item() == 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_token_without_any_chance_before_has_a_finite_cross_entropy_in_any_precision(dtype):
    logits = torch.tensor([[[0.0, 0.0]]], dtype=dtype, requires_grad=True)
    value = losses.cross_entropy_from(logits, torch.tensor([[[0.0, -200.0]]], dtype=dtype))
    value.sum().backward()
    assert value.item() == pytest.approx(-math.log(1e-12) / 2, rel=1e-2)
    assert logits.grad.flatten().tolist() == pytest.approx([math.log(1e-12) / 4, -math.log(1e-12) / 4], rel=2e-2)
