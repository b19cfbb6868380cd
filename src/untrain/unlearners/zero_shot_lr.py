"""A step size from the forget set alone, for methods that see nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from untrain.core.errors import BadInput, NotFinite
from untrain.core.seeds import isolated_rng
from untrain.data.batching import in_order
from untrain.data.examples import batch_of
from untrain.training.input_noise import InputNoise, check_real
from untrain.training.problem import Problem

LRS = tuple(10.0 ** (power / 2) for power in range(2, -11, -1))


def largest_lr(
    made: Any, model: nn.Module, problem: Problem, drop: float = 0.1, noise: InputNoise | None = None, lrs: Sequence[float] = LRS
) -> float:
    """Choose the largest step size that leaves the model's own predictions on noised forget inputs alone, but for ``drop``.

    The noised inputs stand for a retain set that is not there: the method reads no label, no other example and no held-out set.

    Args:
        made: a method with ``steps``, such as ``JiT()``.
        model: the model before.
        problem: what to forget; only the forget inputs are used, beside what ``made`` needs.
        drop: share of the noised inputs whose prediction may change.
        noise: on the inputs; None takes the method's own, or noise of the default scale.
        lrs: step sizes to try, from the largest down.

    Raises:
        BadInput: none of them changes so few predictions.
    """
    own: InputNoise = getattr(made, "noise", InputNoise()) if noise is None else noise
    check_real(problem.forget, "largest_lr")
    for lr in sorted(lrs, reverse=True):
        try:
            forgot = replace(made, steps=replace(made.steps, lr=lr))(model, problem)
        except NotFinite:
            continue
        if changed_predictions(model, forgot, problem, own) <= drop:
            return lr
    raise BadInput(f"each lr from {max(lrs):g} to {min(lrs):g} changes more than {drop:.0%} of the predictions: try smaller ones")


@torch.no_grad()
def changed_predictions(before: nn.Module, after: nn.Module, problem: Problem, noise: InputNoise) -> float:
    """Share of noised forget inputs, ``noise.draws`` per example, of which two models predict different classes.

    Both models run in eval mode; the noise follows ``problem.seed``.
    """
    device, changed, count = next(before.parameters()).device, 0, 0
    plain = replace(noise, clamp=False)
    modes = [(part, part.training) for model in (before, after) for part in model.modules()]
    try:
        before.eval()
        after.eval()
        with isolated_rng(before, problem.seed):
            for rows in in_order(len(problem.forget), 256):
                batch = batch_of(problem.forget, rows, device)
                for _ in range(noise.draws):
                    moved = plain.noised(batch)
                    said = [problem.task.forward(model, moved).argmax(-1) for model in (before, after)]
                    changed, count = changed + int((said[0] != said[1]).sum()), count + said[0].numel()
    finally:
        for part, training in modes:
            part.training = training
    return changed / count
