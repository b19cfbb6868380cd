"""Pruning, retraining towards entropies, and rounding."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from one_step import LR, PLAIN, Tokens, close, convolutional, posed
from untrain.core.errors import SpecError
from untrain.training.steps import SGD
from untrain.unlearners.prmq import PRMQ, redrawn

STILL = replace(PLAIN, epochs=0)


def flat(values):
    """All numbers in one vector."""
    return torch.cat([v.detach().flatten() for v in values])


def test_the_smallest_of_all_layers_together_are_drawn_anew_and_the_others_stay():
    model, _ = posed()
    with torch.no_grad():
        model[2].weight *= 0.01  # so that one layer has more of the smallest than the other
    before = flat(model.parameters())
    after = flat(redrawn(model, 0.5).values())
    changed = before != after
    assert int(changed.sum()) == round(0.5 * len(before))
    assert float(before[changed].abs().max()) <= float(before[~changed].abs().min())


def test_a_weight_is_drawn_uniformly_by_the_inputs_of_its_output_and_a_bias_is_zero():
    model, _ = posed(convolutional, 25)
    torch.manual_seed(3)
    draws = [redrawn(model, 1.0) for _ in range(200)]
    # A convolution of 4 channels of 2 by 2 pixels, and 20 inputs of the head.
    for name, inputs in (("3.weight", 16), ("5.weight", 20)):
        values = flat(each[name] for each in draws)
        reach = inputs**-0.5
        assert 0.99 * reach < float(values.abs().max()) <= reach
        # The variance of a uniform law, within four of its error; its fourth moment is reach ** 4 / 5.
        error = (4 / 45) ** 0.5 * reach**2 / len(values) ** 0.5
        assert abs(float(values.square().mean()) - reach**2 / 3) < 4 * error
    assert all(not each[name].any() for each in draws for name in ("1.bias", "3.bias", "5.bias"))


def test_what_is_of_no_layer_is_not_pruned():
    model, _ = posed(lambda: Tokens().eval())
    names = redrawn(model, 1.0).keys()
    assert {n for n, _ in model.named_parameters()} - names == {"token", "places"}


@pytest.mark.parametrize("classes", [3, 2])
def test_two_steps_are_those_of_the_description(classes):
    model, problem = posed()
    # One class may be gone from the retain set.
    problem = replace(problem, retain=problem.retain.with_targets(torch.tensor([0] * 6 + [1, 1, classes - 1, 0])))
    steps = replace(PLAIN, epochs=2, optimizer=SGD(momentum=0.9, decay=5e-4))
    forgot = PRMQ(prune=0.7, steps=steps)(model, problem)
    twin = deepcopy(model)
    torch.manual_seed(problem.seed)
    twin.load_state_dict(redrawn(model, 0.7))
    counts = torch.tensor([7.0, 2.0, 1.0]) if classes == 3 else torch.tensor([7.0, 3.0, 1.0])
    x, y = problem.retain.x, problem.retain.y
    optimizer = torch.optim.SGD(twin.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
    for _ in range(2):
        optimizer.zero_grad()
        ours, theirs = (torch.distributions.Categorical(logits=m(x)).entropy() for m in (twin, model))
        (F.cross_entropy(twin(x), y, weight=counts**-0.1) + F.mse_loss(ours, theirs.detach())).backward()
        optimizer.step()
    assert close(forgot, twin.half().float())
    assert not close(forgot, replace(PRMQ(prune=0.7), steps=replace(steps, epochs=1))(model, problem), 1e-3)


def test_weights_are_numbers_of_half_precision_in_their_own_type():
    model, problem = posed()
    for steps in (STILL, PLAIN):
        for p in PRMQ(steps=steps)(model, problem).parameters():
            assert p.dtype == torch.float32
            assert torch.equal(p, p.half().float())


def test_the_forget_set_has_no_part_in_it_and_a_share_of_none_is_refused():
    assert PRMQ().needed() == {"retain", "labels", "classes"}
    model, problem = posed()
    other = replace(problem, forget=problem.forget.with_inputs(problem.forget.x + 1))
    assert close(PRMQ(steps=PLAIN)(model, problem), PRMQ(steps=PLAIN)(model, other), 0.0)
    with pytest.raises(SpecError, match="prune"):
        PRMQ(prune=0.0)
