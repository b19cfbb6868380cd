"""Unlearning-aware minimization."""

from copy import deepcopy
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from one_step import LR, PLAIN, close, posed
from untrain.core.mask import Mask
from untrain.training.toy import small
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.uam import UAM


def reference(model, problem, radius):
    """What the authors' minimizer computes in one step: up the loss of forget, then down that of retain from where it was."""
    twin = deepcopy(model)
    x, y = (torch.cat([getattr(e, name) for e in (problem.forget, problem.retain)]) for name in ("x", "y"))
    cost = F.cross_entropy(twin(x), y, reduction="none")[: len(problem.forget)].mean()
    cost.backward()
    grads = [p.grad.clone() for p in twin.parameters()]
    norm = torch.norm(torch.stack([g.norm() for g in grads])) + 1e-16
    away = [radius / norm * g for g in grads]
    with torch.no_grad():
        for p, e in zip(twin.parameters(), away, strict=True):
            p += e
            p.grad = None
    F.cross_entropy(twin(problem.retain.x), problem.retain.y).backward()
    with torch.no_grad():
        for p, e in zip(twin.parameters(), away, strict=True):
            p -= e
            p -= LR * p.grad
    return twin


def test_one_step_is_that_of_the_authors_code():
    model, problem = posed()
    for radius in (0.05, 2.0):
        forgot = UAM(radius=radius, steps=PLAIN)(model, problem)
        assert close(forgot, reference(model, problem, radius))
    # It is no plain finetuning, which a wrong point of the gradient would be.
    assert not close(forgot, Finetune(steps=PLAIN)(model, problem), 1e-4)


def test_under_a_mask_of_whole_rows_the_move_is_within_it():
    # Rows of a wide layer are what the gradient loop computes apart.
    torch.manual_seed(0)
    make = lambda: nn.Sequential(nn.Linear(4, 128), nn.Tanh(), nn.Linear(128, 3)).eval()  # noqa: E731
    model, problem = posed(make)
    bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
    bits["0.weight"][:40] = True
    masked = replace(problem, mask=Mask(bits, problem.digest), head="masked")
    forgot = UAM(radius=1.0, steps=PLAIN)(model, masked)
    twin = deepcopy(model)
    for p in twin.parameters():
        p.requires_grad_(p is twin[0].weight)
    cut = bits["0.weight"]
    (up,) = torch.autograd.grad(F.cross_entropy(twin(problem.forget.x), problem.forget.y), [twin[0].weight])
    up = up * cut
    moved = deepcopy(twin)
    with torch.no_grad():
        moved[0].weight += up / up.norm()
    (down,) = torch.autograd.grad(F.cross_entropy(moved(problem.retain.x), problem.retain.y), [moved[0].weight])
    assert torch.allclose(forgot[0].weight, model[0].weight - LR * down * cut, atol=1e-6)
    assert torch.equal(forgot[0].weight[40:], model[0].weight[40:])


def test_forget_batches_stay_out_of_batch_statistics():
    model, problem = small()
    far = problem.forget.with_inputs(problem.forget.x + 50)
    made = UAM(radius=1e-6, steps=replace(PLAIN, lr=1e-5))
    one, other = made(model, problem), made(model, replace(problem, forget=far))
    assert all(torch.allclose(a, b, rtol=1e-4) for a, b in zip(one.buffers(), other.buffers(), strict=True))
