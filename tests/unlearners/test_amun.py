"""Unlearning by adversarial examples."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from untrain.core.errors import RunFailed
from untrain.core.metering import metered
from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import small
from untrain.unlearners import _adversarial_examples
from untrain.unlearners._adversarial_examples import Ball, nearest_wrong
from untrain.unlearners.amun import AMUN

PLAIN = Steps(lr=0.1, epochs=1, batch=64, optimizer=SGD(momentum=0.0), schedule=Constant())


def boundary():
    """A linear model of two classes whose boundary is x0 = 0, and examples at distances from it."""
    model = nn.Linear(2, 2, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    x = torch.tensor([[0.05, 1.0], [0.5, -1.0], [2.0, 0.0], [-0.3, 0.5], [-2.0, -2.0]])
    y = torch.tensor([0, 0, 0, 1, 0])  # the last is called something else already
    return model.eval(), Examples.labelled(x, y, np.arange(5), 2)


def test_the_nearest_wrong_input_lies_just_beyond_the_boundary():
    model, forget = boundary()
    wrong, missing = nearest_wrong(model, Classification(classes=2), forget, Ball(0.04, 50), "AMUN")
    assert len(missing) == 0
    away = (wrong.x - forget.x).norm(dim=1)
    depth = forget.x[:, 0].abs()
    assert torch.equal(wrong.y, torch.tensor([1, 1, 1, 0, 1]))
    # Straight across, no farther beyond than a step of the ball that reached it, a tenth of a radius below twice the depth.
    assert bool((away[:4] >= depth[:4]).all())
    assert bool((away[:4] <= 1.2 * depth[:4] + 0.004).all())
    assert torch.allclose(wrong.x[:, 1], forget.x[:, 1], atol=1e-6)
    assert torch.equal(wrong.x[4], forget.x[4])


def test_the_search_is_that_of_the_authors_code():
    model, problem = small()
    forget = problem.forget
    wrong, _ = nearest_wrong(model.eval(), problem.task, forget, Ball(0.3, 7), "AMUN")
    low, high = float(forget.x.min()), float(forget.x.max())
    for i in range(len(forget)):
        start, x, y, eps, found = forget.x[i : i + 1], forget.x[i : i + 1].clone(), forget.y[i : i + 1], 0.3, False
        while not found:
            for _ in range(7):
                x.requires_grad_()
                logits = model(x)
                if int(logits.argmax()) != int(y):
                    found = True
                    break
                (g,) = torch.autograd.grad(F.cross_entropy(logits, y), x)
                x = x.detach() + eps / 10 * g / (g.norm() + 1e-10)
                delta = x - start
                x = (start + delta * min(1.0, float(eps / delta.norm()))).clamp(low, high)
            eps *= 2
        assert torch.allclose(wrong.x[i], x[0], atol=1e-4)
        assert int(wrong.y[i]) == int(logits.argmax())


@pytest.mark.parametrize(("radius", "steps"), [(0.04, 50), (0.3, 30)])
def test_an_input_at_the_end_of_its_ball_goes_on_with_as_near_a_find_and_fewer_passes(monkeypatch, radius, steps):
    ends, passes = [], []
    for idle in (10_000, _adversarial_examples.IDLE):
        monkeypatch.setattr(_adversarial_examples, "IDLE", idle)
        model, problem = small()
        with metered() as meter:
            ends.append(nearest_wrong(model.eval(), problem.task, problem.forget, Ball(radius, steps), "AMUN")[0])
        passes.append(meter.backward)
    assert passes[1] < 0.8 * passes[0]
    assert torch.equal(ends[0].y, ends[1].y)
    away = [(each.x - problem.forget.x).flatten(1).norm(dim=1) for each in ends]
    assert bool((away[1] <= 1.1 * away[0]).all())  # an input is found with the precision of a step, 10 % of a radius
    assert float((away[1] / away[0]).mean()) < 1.01


@pytest.mark.parametrize("beside", ["retain", "retain and forget", "forget", "nothing"])
def test_one_step_is_that_of_the_union(beside):
    torch.manual_seed(0)
    model, forget = boundary()
    retain = Examples.labelled(torch.randn(7, 2), torch.arange(7) % 2, np.arange(5, 12), 2)
    problem = Problem(Classification(), forget, retain)
    forgot = AMUN(beside=beside, steps=PLAIN)(model, problem)
    wrong, _ = nearest_wrong(model, problem.task, forget, Ball(0.04, 50), "AMUN")
    parts = [wrong] + [retain] * ("retain" in beside) + [forget] * ("forget" in beside)
    twin = nn.Linear(2, 2, bias=False)
    twin.load_state_dict(model.state_dict())
    loss = F.cross_entropy(twin(torch.cat([p.x for p in parts])), torch.cat([p.y for p in parts]))
    loss.backward()
    assert torch.allclose(forgot.weight, twin.weight - 0.1 * twin.weight.grad, atol=1e-6)


def test_the_model_grows_less_sure_of_the_forget_set():
    model, problem = small()
    forgot = AMUN(steps=replace(PLAIN, lr=0.02, epochs=4, batch=16))(model, problem)
    with torch.no_grad():
        before, after = (float(problem.task.loss(m.eval(), problem.forget).mean()) for m in (model, forgot))
        retain = float((forgot(problem.retain.x).argmax(1) == problem.retain.y).float().mean())
    assert after > before
    assert retain > 0.9


def test_images_of_whole_numbers_stay_within_white_and_black_and_join_the_scaled_data():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()
    sets = [
        Examples.labelled(torch.randint(0, 256, (6, 1, 2, 2), dtype=torch.uint8), torch.arange(6) % 2, np.arange(6) + at, 2)
        for at in (0, 6)
    ]
    with torch.no_grad():
        sets[0] = sets[0].with_targets(model(sets[0].x / 255).argmax(1))
    wrong, missing = nearest_wrong(model, Classification(classes=2), sets[0], Ball(0.04, 50), "AMUN")
    assert 0 <= float(wrong.x.min()) <= float(wrong.x.max()) <= 1
    found = np.setdiff1d(np.arange(6), missing)
    forgot = AMUN(beside="retain", steps=PLAIN)(model, Problem(Classification(), *sets))
    x = torch.cat([wrong.x[found], sets[1].x.float() / 255])
    y = torch.cat([wrong.y[found], sets[1].y])
    F.cross_entropy(model(x), y).backward()
    assert torch.allclose(forgot[1].weight, model[1].weight - 0.1 * model[1].weight.grad, atol=1e-6)


def test_where_no_input_is_called_otherwise_it_says_what_to_change():
    model, forget = boundary()
    with torch.no_grad():
        model.weight.zero_()
        model.weight[0, 0] = 1e-9
    forget = Examples.labelled(torch.rand(4, 2) + 1, torch.zeros(4).long(), np.arange(4), 2)
    with pytest.raises(RunFailed, match=r"no adversarial example was found for any forget example: raise radius"):
        AMUN(beside="nothing")(model, Problem(Classification(), forget))


def test_without_retain_it_needs_no_retain_set():
    assert "retain" not in AMUN(beside="forget").needed() | AMUN(beside="nothing").needed()
    assert "retain" in AMUN().needed() & AMUN(beside="retain and forget").needed()
