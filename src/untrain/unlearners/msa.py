"""Model state arithmetic: undo the change that the forget set makes to an earlier checkpoint."""

from __future__ import annotations

from copy import deepcopy
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.gradients import Params, movable, put
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps
from untrain.unlearners.base import Unlearner
from untrain.unlearners.resetfinetune import initial_values


class MSA(Unlearner):
    """Subtract ``alpha * (finetuned on forget - checkpoint)`` and add ``beta * (finetuned on retain - checkpoint)``.

    Both finetunings start from an earlier checkpoint, which training kept: train the model with ``keepers=(Checkpoint(),)``.
    What finetuning on the forget set changes there is taken as what training on it changed. Batch-norm buffers stay those of
    the model; the finetuned copies are dropped.

    Args:
        alpha: weight of the change that the forget set makes.
        beta: weight of the change that the retain set makes; 0 needs none.
        start: 'kept' is what ``Checkpoint`` kept; 'initial' are the model's own initial values, which have not seen the forget set,
            of ``Problem.init`` and ``Problem.origin``, beside its present buffers: no keeper is needed.
        steps: step size and length of each finetuning; an epoch is once through the set that it is on.

    Source: Rezaei et al. 2025, arXiv 2506.20941; code mehrdadsaberi/MSA_unlearning@906bdd4, src/tv_unlearn.py: weights of 1 to 2
        for alpha, ten epochs and a step size of 1e-5 for language models of 1 to 8 billion weights. For small networks the
        step size is ours, as is beta=0.
    Departs: the authors' checkpoint is from before the model was exposed to the forget set, where one that ``Checkpoint`` kept has
        seen it for an epoch or more; the step size stays the same, where the code's rises for one epoch and then falls in a line.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "kept:Checkpoint"})

    alpha: Annotated[Positive, SearchHint(0.1, 4, log=True, usual=True)] = 1.0
    beta: Annotated[NonNegative, SearchHint(0.0, 2.0)] = 0.0
    start: Literal["kept", "initial"] = "kept"
    steps: Steps = Steps(lr=1e-3, epochs=10, optimizer=AdamW(decay=0.01), schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; the retain set where beta is above zero, and no checkpoint for initial values."""
        unkept = {"kept:Checkpoint"} if self.start == "initial" else set()
        return (super().needed() - unkept) | ({"retain"} if self.beta else set())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with the changes taken away and added.

        Raises:
            ModelError: the checkpoint is of a model of another shape, or nothing says what the initial values were.
        """
        start = checkpoint(model, problem) if self.start == "kept" else initial(model, problem)
        change = _change(start, problem, problem.forget_batches(self.steps), self.steps)
        new = {n: p.detach() - self.alpha * change[n] for n, p in _params(model).items()}
        if self.beta:
            change = _change(start, problem, problem.retain_batches(self.steps), self.steps)
            new = {n: value + self.beta * change[n] for n, value in new.items()}
        put(model, {n: new[n] for n in movable(model, problem.trainable)}, problem.trainable)
        return model


def checkpoint(model: nn.Module, problem: Problem) -> nn.Module:
    """A copy of the model in the state that ``Checkpoint`` kept.

    Raises:
        ModelError: that is of a model of another shape.
    """
    earlier, saved = deepcopy(model), problem.kept["Checkpoint"]
    current = earlier.state_dict()
    wrong = [name for name, value in current.items() if name not in saved or saved[name].shape != value.shape]
    if wrong:
        raise ModelError(f"the checkpoint that was kept is of another model: {wrong[0]!r} differs; keep one of this model")
    earlier.load_state_dict({name: saved[name] for name in current})
    return earlier


def initial(model: nn.Module, problem: Problem) -> nn.Module:
    """A copy of the model with its own initial values.

    Raises:
        ModelError: the problem lacks ``init`` or ``origin``, or these make a model of another shape.
    """
    if problem.origin is None:
        raise ModelError("MSA(start='initial') needs initial values: give Problem(origin=..., the model's own seed)")
    earlier = deepcopy(model)
    values = initial_values(model, problem, problem.origin, "MSA(start='initial')")
    with torch.no_grad():
        for name, p in _params(earlier).items():
            p.copy_(values[name])
    return earlier


def _params(model: nn.Module) -> Params:
    return dict(model.named_parameters())


def _change(start: nn.Module, problem: Problem, plan: Plan, steps: Steps) -> dict[str, Tensor]:
    """Changes by training on some batches, by parameter."""
    tuned = deepcopy(start)

    def loss(batch: Batch) -> Tensor:
        return problem.task.loss(tuned, batch).mean()

    descend(tuned, loss, plan, steps, problem.trainable)
    before = _params(start)
    return {name: p.detach() - before[name].detach() for name, p in _params(tuned).items()}
