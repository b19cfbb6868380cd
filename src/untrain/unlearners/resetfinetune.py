"""Reset what the mask holds, then finetune it: DEL's unlearning."""

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
    """Set the located weights to initial values, then minimise ``L(retain)`` over them and the classifier head.

    Without a mask every weight is reset. A reset leaves batch-norm buffers alone; afterwards they follow
    ``steps.buffers``.

    Args:
        steps: step size and length of the finetuning.
        reset: 'fresh' draws a new initialisation of the same law; 'own' takes the model's own initial values, where
            known; 'perturb' mixes 0.7 of the weight with 0.3 of standard normal noise; 'none' resets nothing.
        rest: what becomes of an epoch's last batch where it is not full: 'keep' takes it, 'drop' leaves it out.

    Source: Torkzadehmahani et al. 2024, arXiv 2412.02432, Algorithm 1 and section 5; 'perturb' from its code's history, 'drop'
        from its loaders (drop_last).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels"})

    steps: Steps = Steps(lr=0.015, epochs="100%")
    reset: Literal["fresh", "own", "perturb", "none"] = "fresh"
    rest: Literal["keep", "drop"] = "keep"

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Only when nothing is reset and no step is asked for."""
        empty = problem.mask is not None and not any(bool(b.any()) for b in problem.mask.bits.values())
        return (self.reset == "none" or empty) and problem.epochs(self.steps) == 0

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The reset and finetuned model.

        Raises:
            RequestError: full batches alone are asked for, and there is none.
        """
        plan = problem.retain_batches(self.steps, full=self.rest == "drop")
        start = self._start(model, problem)
        with torch.no_grad():
            for name, p in model.named_parameters():
                # Without a mask all is reset but what the model holds frozen.
                within = problem.mask or problem.trainable
                bits = None if within is None else within.bits[name].to(p.device)
                p.copy_(start[name] if bits is None else torch.where(bits, start[name], p))

        def loss(retain: Batch) -> Tensor:
            return problem.task.loss(model, retain).mean()

        return descend(model, loss, plan, self.steps, problem.trainable)

    def _start(self, model: nn.Module, problem: Problem) -> dict[str, Tensor]:
        """Initial values by name.

        Raises:
            ModelError: they are needed and the problem does not know how to make them.
        """
        here = {n: p.detach().clone() for n, p in model.named_parameters()}
        if self.reset == "none":
            return here
        if self.reset == "perturb":
            return {n: 0.7 * p + 0.3 * shard_like(torch.randn(p.shape), p) for n, p in here.items()}
        # Salted: a user's problem and model may bear the same seed, and its own values would be no fresh ones.
        seed = derive_seed(problem.seed) if self.reset == "fresh" else problem.origin
        if problem.init is None or seed is None:
            lacks = (
                "init=..., a function of a seed that makes a fresh model"
                if problem.init is None
                else "origin=..., the model's own seed"
            )
            raise ModelError(f"reset={self.reset!r} needs initial values: give Problem({lacks})")
        # Seeded here as well: a user's init may be a plain call of the class that ignores what it is given.
        with seeded(next(model.parameters()).device, seed):
            made = dict(problem.init(seed).named_parameters())
        wrong = [n for n, p in here.items() if n not in made or made[n].shape != p.shape]
        if wrong:
            raise ModelError(f"init makes a model of another shape: {wrong[0]!r} differs")
        return {n: shard_like(made[n].detach(), p) for n, p in here.items()}
