"""The order of a model's parameters from its input to its output, and scores that follow it."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from untrain.localizers._mask_units import Scores, scored
from untrain.models.compatibility import check_fit
from untrain.training.problem import Problem


def in_forward_order(model: nn.Module, problem: Problem) -> list[str]:
    """Return the names of parameters in the order in which one example meets their modules; within a module as it declares them.

    A parameter whose module is not called comes after the one that the model declares before it: some modules lend their
    weights to others, and a model does not use others.

    Raises:
        ModelError: the model does not take such examples.
    """
    called: dict[int, int] = {}

    def record(part: nn.Module, inputs: Any) -> None:
        called.setdefault(id(part), len(called))

    hooks = [part.register_forward_pre_hook(record) for part in model.modules()]
    try:
        check_fit(model, problem.task, problem.forget)
    finally:
        for hook in hooks:
            hook.remove()
    at = -1
    order: list[tuple[int, int, str]] = []
    for name, _ in model.named_parameters():
        at = called.get(id(model.get_submodule(name.rpartition(".")[0])), at)
        order.append((at, len(order), name))
    return [name for *_, name in sorted(order)]


def score_by_place(model: nn.Module, order: list[str]) -> Scores:
    """Score every weight by the place of its parameter in ``order``: those of the last parameter are the highest."""
    place = {name: float(at) for at, name in enumerate(order)}
    return scored(model, lambda name, weight: torch.full_like(weight, place[name], dtype=torch.float32))
