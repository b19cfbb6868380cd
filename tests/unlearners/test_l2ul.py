"""Instance-wise unlearning."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from one_step import LR, PLAIN, close, posed
from untrain.core.errors import RequestError, SpecError
from untrain.data.examples import Examples
from untrain.models.architectures.convnet import ConvNet
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.problem import Problem
from untrain.training.toy import STEPS, small
from untrain.unlearners.l2ul import L2UL, attacked, importance


def weights_to_hold(model, forget):
    """One less the importance, scaled within each parameter, as the authors' code estimates it."""
    loss = torch.norm(model(forget.x), p=2, dim=1).mean()
    grads = [g.abs() for g in torch.autograd.grad(loss, list(model.parameters()))]
    return [1 - (g - g.min()) / (g.max() - g.min()) for g in grads]


def test_two_steps_are_those_of_the_authors_code():
    model, problem = posed()
    # Labels that the model gives, so that it does not stop at once.
    with torch.no_grad():
        problem = replace(problem, forget=problem.forget.with_targets(model(problem.forget.x).argmax(1)))
    forget = problem.forget
    forgot = L2UL(others=3, radius=0.5, hold=2.0, steps=replace(PLAIN, epochs=2))(model, problem)
    torch.manual_seed(problem.seed)  # as the role does
    adv = attacked(model, problem.task, forget, 3, 0.5)
    twin, start = deepcopy(model), [p.detach().clone() for p in model.parameters()]
    hold = weights_to_hold(model, forget)
    n, m = len(forget), len(adv)
    for _ in range(2):
        assert bool((twin(forget.x).argmax(1) == forget.y).any())
        unlearn = -F.cross_entropy(twin(forget.x), forget.y) * (n / (n + m))
        keep = F.cross_entropy(twin(adv.x), adv.y) * (m / (n + m))
        tied = sum((w * (p - s) ** 2).sum() / 2 for w, p, s in zip(hold, twin.parameters(), start, strict=True))
        grads = torch.autograd.grad(unlearn + keep + 2.0 * tied, list(twin.parameters()))
        with torch.no_grad():
            for p, g in zip(twin.parameters(), grads, strict=True):
                p -= LR * g
    assert close(forgot, twin, 1e-5)


def test_adversarial_examples_lie_within_the_radius_and_are_called_their_targets():
    model, problem = small()
    torch.manual_seed(0)
    adv = attacked(model.eval(), problem.task, problem.forget, 4, 4.0)
    away = (adv.x - problem.forget.x.repeat_interleave(4, 0)).flatten(1).norm(dim=1)
    assert float(away.max()) <= 4.0 + 1e-4
    assert bool((adv.y != problem.forget.y.repeat_interleave(4)).all())
    with torch.no_grad():
        right = float((model(adv.x).argmax(1) == adv.y).float().mean())
        before = float((model(problem.forget.x.repeat_interleave(4, 0)).argmax(1) == adv.y).float().mean())
    assert right > 0.6 > before


def test_images_of_whole_numbers_stay_within_black_and_white():
    x = torch.randint(0, 256, (4, 4), dtype=torch.uint8)
    images = Examples.labelled(x, torch.tensor([0, 1, 2, 0]), np.arange(4), 3)
    adv = attacked(posed()[0], Classification(classes=3), images, 2, 3.0)
    assert 0 <= float(adv.x.min()) <= float(adv.x.max()) <= 1


def test_a_model_of_images_of_whole_numbers_forgets():
    model, problem = small()
    parts = [part.with_inputs((part.x * 30 + 120).clamp(0, 255).to(torch.uint8)) for part in (problem.forget, problem.retain)]
    images = replace(problem, forget=parts[0], retain=parts[1], valid=None, effects=None)
    model = Train(model=ConvNet(width=4), steps=STEPS)(images.retain, 0)
    forgot = L2UL(others=2, radius=0.5, steps=replace(PLAIN, lr=0.01, epochs=1, batch=16))(model, images)
    assert not close(forgot, model, 0.0)


def test_importance_is_largest_where_outputs_turn_on_a_weight():
    model, problem = posed()
    found = importance(model, problem.task, problem.forget, dict(model.named_parameters()))
    for value, hold in zip(found.values(), weights_to_hold(model, problem.forget), strict=True):
        assert torch.allclose(value, 1 - hold, atol=1e-5)


def test_it_stops_when_all_are_called_otherwise_and_uses_the_forget_set_alone():
    model, problem = small()
    alone = replace(problem, retain=None, valid=None)
    steps = replace(PLAIN, lr=0.05, epochs=40, batch=64)
    forgot = L2UL(others=1, radius=0.5, hold=0.01, steps=steps)(model, alone).eval()
    longer = L2UL(others=1, radius=0.5, hold=0.01, steps=replace(steps, epochs=60))(model, alone)
    with torch.no_grad():
        assert not bool((forgot(problem.forget.x).argmax(1) == problem.forget.y).any())
    assert close(forgot, longer, 0.0)


@pytest.mark.parametrize("wrong", [{"others": 0}, {"radius": 0.0}, {"hold": -1.0}])
def test_a_field_out_of_range_is_refused(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        L2UL(**wrong)


def test_data_of_one_class_are_refused_in_one_line():
    one = Examples.labelled(torch.randn(6, 4), torch.zeros(6).long(), np.arange(6), 1)
    model = torch.nn.Linear(4, 2)
    with pytest.raises(RequestError, match="L2UL takes another class for each example to forget, and the data have 1"):
        L2UL(steps=PLAIN)(model, Problem(Classification(classes=2), one))
