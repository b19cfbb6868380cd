"""Masked small gradients."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from one_step import LR, PLAIN, Tokens, convolutional, network, posed
from untrain.core.errors import SpecError
from untrain.unlearners.msg import MSG, smallest

STILL = replace(PLAIN, epochs=0)


def chosen_by_hand(model, problem, share, rows):
    """Where the gradients of as many retain examples and of the forget set differ least, convolution by convolution."""
    twin, chosen = deepcopy(model), {}
    kernels = {n: p for n, p in twin.named_parameters() if p.ndim == 4}
    sides = [(problem.retain.x[rows], problem.retain.y[rows], 1), (problem.forget.x, problem.forget.y, -1)]
    for x, y, sign in sides:
        (sign * F.cross_entropy(twin(x), y)).backward()
    for name, p in kernels.items():
        value = -p.grad.abs().flatten()
        mask = torch.zeros_like(value, dtype=torch.bool)
        mask[torch.topk(value, round(share * p.numel())).indices] = True
        chosen[name] = mask.reshape(p.shape)
    return chosen


def test_weights_whose_gradients_differ_least_are_reset():
    # As many retain examples as forget examples are all of them.
    model, problem = posed(convolutional, 25, forget=10, retain=10)
    forgot = MSG(reset=0.3, steps=STILL)(model, problem)
    chosen = chosen_by_hand(model, problem, 0.3, slice(None))
    for (name, p), q in zip(model.named_parameters(), forgot.parameters(), strict=True):
        assert torch.equal(p != q, chosen.get(name, torch.zeros_like(p, dtype=torch.bool)))


def test_what_is_drawn_is_normal_by_the_fan_out():
    model, problem = posed(convolutional, 25)
    forgot = MSG(reset=1.0, steps=STILL)(model, problem)
    for at, kernel in ((1, 9), (3, 4)):
        weight = forgot[at].weight.detach()
        deviation = (2 / (len(weight) * kernel)) ** 0.5
        # Of 36 and 80 draws, the standard deviation is within four of its own errors.
        assert abs(float(weight.std()) / deviation - 1) < 4 / (2 * weight.numel()) ** 0.5


def test_other_weights_of_convolutions_learn_slowly():
    model, problem = posed(convolutional, 25)
    start, forgot = (MSG(slow=0.1, steps=steps)(model, problem) for steps in (STILL, PLAIN))
    twin = deepcopy(start)
    F.cross_entropy(twin(problem.retain.x), problem.retain.y).backward()
    for (name, p), before, after in zip(twin.named_parameters(), model.parameters(), forgot.parameters(), strict=True):
        kept = p.detach() == before
        speed = torch.where(kept, 0.1, 1.0) if p.ndim == 4 else torch.ones_like(p)
        assert torch.allclose(after, p - LR * speed * p.grad, atol=1e-6), name


def test_of_equal_values_the_first_are_smallest():
    assert smallest(torch.zeros(4), 0.5).tolist() == [True, True, False, False]


def test_without_convolutions_the_weights_of_all_layers_are_reset_in_part():
    model, problem = posed(network)
    forgot = MSG(reset=0.5, steps=STILL)(model, problem)
    changed = [float((p != q).float().mean()) for p, q in zip(model.parameters(), forgot.parameters(), strict=True)]
    assert changed == pytest.approx([0.5, 0.0, 0.5, 0.0])


def test_parameters_of_no_layer_are_neither_reset_nor_slowed():
    model, problem = posed(lambda: Tokens().eval())
    start, forgot = (MSG(reset=0.5, slow=0.0, steps=steps)(model, problem) for steps in (STILL, PLAIN))
    twin = deepcopy(start)
    F.cross_entropy(twin(problem.retain.x), problem.retain.y).backward()
    for name in ("token", "places"):
        before, after, p = (dict(each.named_parameters())[name] for each in (model, forgot, twin))
        assert torch.equal(p, before)
        assert torch.allclose(after, p - LR * p.grad, atol=1e-6)
    assert not torch.equal(start.patches.weight, model.patches.weight)
    assert not torch.equal(start.attention.in_proj_weight, model.attention.in_proj_weight)


def test_shares_out_of_range_are_refused():
    with pytest.raises(SpecError, match="reset"):
        MSG(reset=0.0)
    with pytest.raises(SpecError, match="slow"):
        MSG(slow=1.5)
