"""Negation of merged task vectors."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from one_step import LR, PLAIN, close, posed
from untrain.core.errors import SpecError
from untrain.training.toy import small
from untrain.unlearners.negmerge import NegMerge, agreed


def test_after_one_step_each_the_mean_step_is_taken_back():
    model, problem = posed()
    forgot = NegMerge(scale=0.5, models=3, spread=2.0, steps=PLAIN)(model, problem)
    grads = torch.autograd.grad(F.cross_entropy(model(problem.forget.x), problem.forget.y), list(model.parameters()))
    wanted = deepcopy(model)
    with torch.no_grad():
        for p, g in zip(wanted.parameters(), grads, strict=True):
            p += 0.5 * LR * (0.5 + 1 + 2) / 3 * g
    assert close(forgot, wanted)


def test_where_models_disagree_a_weight_stays():
    torch.manual_seed(0)
    changes = torch.randn(3, 50)
    merged = agreed(changes)
    for at in range(50):
        up, down = bool((changes[:, at] > 0).all()), bool((changes[:, at] < 0).all())
        assert float(merged[at]) == pytest.approx(float(changes[:, at].mean()) if up or down else 0.0)
    assert 0 < int((merged == 0).sum()) < 50


def test_models_walk_in_orders_of_their_own():
    model, problem = small()
    steps = replace(PLAIN, lr=0.05, batch=4)
    one = NegMerge(models=1, steps=steps)(model, problem)
    two = NegMerge(models=2, spread=1.0, steps=steps)(model, problem)
    assert not close(one, two, 1e-7)


def test_it_forgets_with_the_forget_set_alone():
    model, problem = small()
    alone = replace(problem, retain=None, valid=None)
    forgot = NegMerge(scale=5.0, steps=replace(PLAIN, lr=0.05, epochs=3))(model, alone)
    with torch.no_grad():
        before, after = (float(problem.task.loss(m, problem.forget).mean()) for m in (model, forgot))
    assert after > before
    assert all(torch.equal(a, b) for a, b in zip(model.buffers(), forgot.buffers(), strict=True))


@pytest.mark.parametrize("wrong", [{"scale": 0.0}, {"models": 0}, {"spread": 0.5}])
def test_a_field_out_of_range_is_refused(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        NegMerge(**wrong)
