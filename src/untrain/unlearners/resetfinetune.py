"""DEL's unlearning: reset the masked weights, then finetune them."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.seeds import derive_seed, seeded
from untrain.core.sharding import shard_like
from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.problem import Problem
from untrain.training.steps import Steps
from untrain.unlearners.base import Unlearner


class ResetFinetune(Unlearner):
    """Reset the located weights to initial values, then minimise ``L(retain)`` over them and the classifier head.

    Without a mask every weight is reset. A reset leaves batch-norm buffers alone; afterwards they follow
    ``steps.buffers``.

    Args:
        steps: step size and length of the finetuning.
        reset: 'fresh' draws a new initialisation of the same law; 'own' takes the model's own initial values, where
            known; 'perturb' mixes 0.7 of the weight with 0.3 of standard normal noise; 'none' resets nothing.
        rest: whether to 'keep' or 'drop' an epoch's last batch where it is not full.

    Source: Torkzadehmahani et al. 2024, arXiv 2412.02432, Algorithm 1 and section 5; 'perturb' from its code's history, 'drop'
        from its loaders (drop_last).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels"})

    steps: Steps = Steps(lr=0.015, epochs="100%")
    reset: Literal["fresh", "own", "perturb", "none"] = "fresh"
    rest: Literal["keep", "drop"] = "keep"

    def may_be_unchanged(self, problem: Problem) -> bool:
        """True if it resets nothing and takes no step."""
        empty = problem.mask is not None and not any(bool(b.any()) for b in problem.mask.bits.values())
        return (self.reset == "none" or empty) and problem.epochs(self.steps) == 0

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The reset and finetuned model.

        Raises:
            RequestError: ``rest='drop'`` leaves no batch.
        """
        plan = problem.retain_batches(self.steps, full=self.rest == "drop")
        start = self._start(model, problem)
        with torch.no_grad():
            for name, p in model.named_parameters():
                # Without a mask, all weights are reset but the frozen ones.
                within = problem.mask or problem.trainable
                bits = None if within is None else within.bits[name].to(p.device)
                p.copy_(start[name] if bits is None else torch.where(bits, start[name], p))

        def loss(retain: Batch) -> Tensor:
            return problem.task.loss(model, retain).mean()

        return descend(model, loss, plan, self.steps, problem.trainable)

    def _start(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """Initial values by name.

        Raises:
            ModelError: they are needed, and the problem has no ``init`` or ``origin`` to make them.
        """
        current = {n: p.detach().clone() for n, p in model.named_parameters()}
        if self.reset == "none":
            return current
        if self.reset == "perturb":
            return {n: 0.7 * p + 0.3 * shard_like(torch.randn(p.shape), p) for n, p in current.items()}
        # A derived seed: a user's problem and model may have the same seed, and a reset to the model's own values is not fresh.
        seed = derive_seed(problem.seed) if self.reset == "fresh" else problem.origin
        if seed is None:
            raise ModelError(f"reset={self.reset!r} needs initial values: give Problem(origin=..., the model's own seed)")
        return initial_values(model, problem, seed, f"reset={self.reset!r}")


def initial_values(model: nn.Module, problem: Problem, seed: int, who: str) -> dict[str, Tensor]:
    """Values of all parameters in a freshly initialised model, by name.

    Raises:
        ModelError: the problem has no ``init``, or it makes a model of another shape.
    """
    if problem.init is None:
        raise ModelError(f"{who} needs initial values: give Problem(init=..., a function of a seed that makes a fresh model)")
    # Seeded globally as well: a user's init may call the class and ignore the seed.
    with seeded(next(model.parameters()).device, seed):
        initial = dict(problem.init(seed).named_parameters())
    current = dict(model.named_parameters())
    wrong = [n for n, p in current.items() if n not in initial or initial[n].shape != p.shape]
    if wrong:
        raise ModelError(f"init makes a model of another shape: {wrong[0]!r} differs")
    return {n: shard_like(initial[n].detach(), p) for n, p in current.items()}
