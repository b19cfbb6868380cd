"""Noise on the first layer, and weights of classes."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from one_step import LR, PLAIN, Tokens, close, convolutional, network, posed
from untrain.core.errors import SpecError
from untrain.core.metering import metered
from untrain.training.steps import Cosine
from untrain.unlearners import cfw
from untrain.unlearners.cfw import CFW

STILL = replace(PLAIN, epochs=0)


@pytest.mark.parametrize(
    ("make", "width", "noised"),
    [(network, 4, "0.weight"), (convolutional, 25, "1.weight"), (lambda: Tokens().eval(), 4, "patches.weight")],
)
def test_the_noise_is_normal_and_on_the_first_layers_weight_alone(make, width, noised):
    model, problem = posed(make, width)
    away = [CFW(noise=0.3, steps=STILL)(model, replace(problem, seed=seed)).get_parameter(noised) for seed in range(40)]
    draws = torch.stack(away).detach() - model.get_parameter(noised).detach()
    # A standard deviation and a mean are within four of their own errors.
    assert abs(float(draws.std()) / 0.3 - 1) < 4 / (2 * draws.numel()) ** 0.5
    assert abs(float(draws.mean())) < 4 * 0.3 / draws.numel() ** 0.5
    forgot = CFW(noise=0.3, steps=STILL)(model, problem)
    assert {n for n, p in model.named_parameters() if not torch.equal(p, forgot.get_parameter(n))} == {noised}


def test_a_step_is_of_the_mean_loss_times_the_mean_weight_of_the_classes():
    model, problem = posed()
    problem = replace(problem, retain=problem.retain.with_targets(torch.tensor([0] * 6 + [1] * 4)))
    forgot, twin = (CFW(steps=replace(PLAIN, batch=4, epochs=epochs))(model, problem) for epochs in (1, 0))
    # Balanced: 10 / (2 * 6) and 10 / (2 * 4). Batches are those of the plan.
    weights = torch.tensor([10 / 12, 10 / 8])
    for (batch,) in problem.retain_batches(replace(PLAIN, batch=4)).draw(0):
        loss = F.cross_entropy(twin(batch.x), batch.y) * weights[batch.y].mean()
        grads = torch.autograd.grad(loss, list(twin.parameters()))
        with torch.no_grad():
            for p, g in zip(twin.parameters(), grads, strict=True):
                p -= LR * g
    assert close(forgot, twin)


def test_before_the_last_epoch_there_is_noise_again_and_the_step_size_falls_from_epoch_to_epoch():
    model, problem = posed()
    steps = replace(PLAIN, epochs=2, schedule=Cosine(floor=0.0))
    forgot, silent = (CFW(last=last, steps=steps)(model, problem) for last in (0.005, 0.0))
    assert not close(forgot, silent)
    # All batches are the retain set, whose classes have 4, 3 and 3 of 10 examples: a mean weight of 1.
    twin = deepcopy(CFW(steps=STILL)(model, problem))
    for size in (LR, LR / 2):
        grads = torch.autograd.grad(F.cross_entropy(twin(problem.retain.x), problem.retain.y), list(twin.parameters()))
        with torch.no_grad():
            for p, g in zip(twin.parameters(), grads, strict=True):
                p -= size * g
    assert close(silent, twin)


def test_deviations_out_of_range_are_refused():
    for wrong in ({"noise": 0.0}, {"last": -0.1}):
        with pytest.raises(SpecError, match=next(iter(wrong))):
            CFW(**wrong)


def test_under_a_budget_each_step_is_noted_once_and_no_noise_comes_after_the_last(monkeypatch):
    model, problem = posed()
    made = CFW(steps=replace(PLAIN, epochs=4, batch=5))
    with metered() as whole:
        made(model, problem)
    noised = []
    monkeypatch.setattr(cfw, "confuse", lambda *_: noised.append(True))
    for share, note, times in ((0.3, ["stopped at the budget, after 2 of 8 steps"], 1), (2.0, [], 2)):
        noised.clear()
        with metered(share * whole.flops) as meter:
            made(model, problem)
        assert (list(meter.notes), len(noised)) == (note, times)
