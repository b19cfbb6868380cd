"""Saliency forgetting in the remain-preserving manifold."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from one_step import LR, PLAIN, close, posed
from untrain.core.errors import SpecError
from untrain.training.steps import SGD
from untrain.training.toy import small
from untrain.unlearners.finetune import Finetune
from untrain.unlearners.sfron import SFRon


def reference(model, problem, push=25.0, power=0.5, ratio=1.0, clip=7.0):
    """What the authors' loop computes where each set is one batch: a step on forget, then one on retain."""
    twin = deepcopy(model)
    squared = []
    for part in (problem.forget, problem.retain):
        grads = torch.autograd.grad(F.cross_entropy(twin(part.x), part.y), list(twin.parameters()))
        squared.append([g**2 for g in grads])
    masks = [(f + 1e-15) / (r + 1e-15) >= ratio for f, r in zip(*squared, strict=True)]
    optimizer = torch.optim.SGD(twin.parameters(), lr=LR, momentum=0.9, weight_decay=5e-4)
    losses = F.cross_entropy(twin(problem.forget.x), problem.forget.y, reduction="none")
    weight = 1 / (losses.detach() ** power + 1e-15)
    adaptive = (weight / weight.sum() * losses * len(losses)).mean()
    (-push * adaptive).backward()
    for p, mask in zip(twin.parameters(), masks, strict=True):
        p.grad *= mask
    norm = torch.nn.utils.clip_grad_norm_(twin.parameters(), clip)
    optimizer.step()
    optimizer.zero_grad()
    F.cross_entropy(twin(problem.retain.x), problem.retain.y).backward()
    optimizer.step()
    return twin, masks, float(norm)


@pytest.mark.parametrize(("push", "clip"), [(25.0, 3.0), (25.0, 0.5), (2.0, 100.0)])
def test_two_steps_are_those_of_the_authors_code(push, clip):
    model, problem = posed()
    steps = replace(PLAIN, optimizer=SGD(decay=5e-4))
    forgot = SFRon(push=push, clip=clip, steps=steps)(model, problem)
    wanted, masks, norm = reference(model, problem, push=push, clip=clip)
    assert close(forgot, wanted)
    # The comparison could fail by the mask, and by the clip in two cases of three.
    assert 0 < sum(int(m.sum()) for m in masks) < sum(m.numel() for m in masks)
    assert (norm > clip) == (clip < 100)


def test_there_is_a_step_on_forget_before_every_few_on_retain(monkeypatch):
    model, problem = small()
    walked = []
    loss = type(problem.task).loss

    def noting(task, model, batch):
        if model.training:
            walked.append(len(batch))
        return loss(task, model, batch)

    monkeypatch.setattr(type(problem.task), "loss", noting)
    SFRon(every=2, steps=replace(PLAIN, epochs=2, batch=16))(model, problem)
    # 48 retain examples are three batches an epoch, the forget set one of twelve.
    assert walked == [12, 16, 16, 12, 16, 16, 12, 16, 16]


def test_pushed_hard_it_forgets_more_than_finetuning():
    model, problem = small()
    steps = replace(PLAIN, lr=0.05)
    methods = (SFRon(push=1000.0, clip=100.0, steps=steps), Finetune(steps=steps))
    forgot, tuned = (made(model, problem).eval() for made in methods)
    with torch.no_grad():
        lost, kept = (float(problem.task.loss(m, problem.forget).mean()) for m in (forgot, tuned))
    assert lost > 1.5 * kept


@pytest.mark.parametrize("wrong", [{"push": 0.0}, {"adapt": -1.0}, {"every": 0}, {"clip": 0.0}])
def test_a_field_out_of_range_is_refused(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        SFRon(**wrong)
