"""Direction-rectified and magnitude-adjusted gradients."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from one_step import LR, PLAIN, close, posed
from untrain.core.errors import SpecError
from untrain.training.toy import small
from untrain.unlearners.gdrgma import GDRGMA, rectified


def reference(model, problem, limit, sharp, official):
    """One step of an epoch that has no memory yet, with plain gradient descent; officially as the authors' loop computes it."""
    twin = deepcopy(model)
    cost = F.cross_entropy(twin(problem.retain.x), problem.retain.y)
    down = [g.flatten() for g in torch.autograd.grad(cost, list(twin.parameters()))]
    up = torch.autograd.grad(-F.cross_entropy(twin(problem.forget.x), problem.forget.y), list(twin.parameters()))
    weight = 1 / (1 + torch.exp(sharp * (cost.detach() - limit)))
    turned = 0
    with torch.no_grad():
        for p, x, y in zip(twin.parameters(), down, (g.flatten() for g in up), strict=True):
            if torch.cosine_similarity(x, y, dim=0) < 0:
                inner, length, before = torch.matmul(y, x), x.norm() ** 2, x
                x = x - inner / y.norm() ** 2 * y
                # The authors' line comes after the one above, and so uses what it left in x.
                y = y - inner / length * (x if official else before)
                turned += 1
            p -= LR * ((1 - weight) * x + weight * y).view(p.shape)
    return twin, turned


@pytest.mark.parametrize("rectify", ["both", "official"])
@pytest.mark.parametrize(("limit", "sharp"), [(0.02, 100.0), (1.2, 3.0), (5.0, 100.0)])
def test_one_step_is_that_of_the_formula_or_of_the_authors_code(limit, sharp, rectify):
    model, problem = posed()
    forgot = GDRGMA(limit=limit, sharp=sharp, rectify=rectify, steps=PLAIN)(model, problem)
    wanted, turned = reference(model, problem, limit, sharp, rectify == "official")
    assert close(forgot, wanted)
    assert turned > 0


def test_the_two_forms_differ_where_the_step_is_on_forget():
    model, problem = posed()
    ours, theirs = (GDRGMA(limit=5.0, rectify=form, steps=PLAIN)(model, problem) for form in ("both", "official"))
    assert not close(ours, theirs)


def test_rectified_gradients_do_not_oppose_the_other():
    torch.manual_seed(0)
    ones, others = [torch.randn(5) for _ in range(20)], [torch.randn(5) for _ in range(20)]
    for a, b, c, d in zip(ones, others, *rectified(ones, others), strict=True):
        if float(a @ b) < 0:
            assert abs(float(c @ b)) < 1e-5
            assert abs(float(d @ a)) < 1e-5
        else:
            assert torch.equal(a, c)
            assert torch.equal(b, d)


def test_below_the_limit_it_forgets_and_above_it_learns():
    model, problem = small()
    steps = replace(PLAIN, lr=0.05, epochs=3)
    eager, careful = (GDRGMA(limit=limit, steps=steps)(model, problem).eval() for limit in (10.0, 0.0))
    with torch.no_grad():
        lost, kept = (float(problem.task.loss(m, problem.forget).mean()) for m in (eager, careful))
    assert lost > kept


def test_fields_out_of_range_are_refused():
    for wrong in ({"limit": -0.1}, {"sharp": 0.0}):
        with pytest.raises(SpecError, match=next(iter(wrong))):
            GDRGMA(**wrong)
