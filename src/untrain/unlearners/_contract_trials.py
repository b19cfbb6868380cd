"""Parts of trials of promises: a random mask, few epochs, and notes of what a loop reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from untrain.core.contract import require
from untrain.core.errors import MaskError
from untrain.core.mask import Mask
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.unlearners.base import Localized, Recipe, Unlearner


def notes_rows(rows: Mapping[bytes, int], seen: list[int]) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
    """A hook that adds the numbers of the examples that a model is trained on; a function, so that copies of the model share it."""

    def note(model: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> None:
        if torch.is_grad_enabled():
            keys = (row.detach().numpy().tobytes() for row in next(iter((*inputs, *named.values()))))
            seen.extend(rows[key] for key in keys if key in rows)

    return note


def with_random_mask(made: Unlearner | Recipe, model: nn.Module, problem: Problem) -> Problem:
    """The problem with a random mask of 30 %, unless the method brings one."""
    if isinstance(expression_of(made), Localized):
        return problem
    draw = torch.Generator().manual_seed(5)
    bits = {n: torch.rand(p.shape, generator=draw) < 0.3 for n, p in model.named_parameters()}
    return replace(problem, mask=Mask(bits, problem.digest), head="masked")


def of_two_epochs(made: Unlearner | Recipe) -> Unlearner | Recipe | None:
    """The same with two epochs of batches of 16, or None where it takes no steps by a field of its own."""
    steps = getattr(made, "steps", None)
    if not isinstance(steps, Steps) or expression_of(made).works_on is not nn.Module:
        return None
    return replace(made, steps=replace(steps, epochs=2, batch=16))  # type: ignore[call-arg]


def check_masks_refused(made: Unlearner | Recipe, model: nn.Module, problem: Problem) -> None:
    """Check that a method for a kind of model of its own refuses a mask."""
    try:
        made(model, problem)
    except MaskError:
        return
    require(False, made, "works on a kind of model of its own and takes a mask, which does not cover it")


def expression_of(made: Unlearner | Recipe) -> Unlearner:
    """The unlearner that a recipe expands to, or the unlearner itself."""
    return made.expand() if isinstance(made, Recipe) else made
