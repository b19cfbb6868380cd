"""Redirection for erasing memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import BadInput
from untrain.core.fields import Count, NonNegative, Positive, Share
from untrain.core.mask import Mask
from untrain.core.metering import add_note
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch, batch_of
from untrain.data.ragged import Ragged
from untrain.models.features import forward_with_features
from untrain.training.batch_norm import untracked_statistics
from untrain.training.batch_plan import Plan
from untrain.training.descend import descend
from untrain.training.distillation import outputs_of, teacher
from untrain.training.gradients import movable
from untrain.training.problem import Problem
from untrain.training.process_group import SINGLE, process_group
from untrain.training.steps import AdamW, Constant, Steps
from untrain.unlearners._stop_accuracy import accuracy
from untrain.unlearners.base import Unlearner
from untrain.unlearners.npo import preference

MOST = 30  # passes through the forget set of the first phase


class REM(Unlearner):
    """Push ``forget`` out as NPO does; then minimise ``L(wide, retain) + share * (L(wide, forget) + barrier * NPO(forget))``.

    ``wide`` is the model with more neurons between its head's inputs and its outputs, which are dropped in the end; ``share`` is
    the size of forget over that of retain. A retain example uses the neurons that were drawn for it once, and the forget set uses
    some of its own. So what only few examples say, among them faults that were not found, is learned outside of the model.
    Batch-norm buffers follow ``steps.buffers``; forget batches never enter them.

    Args:
        neurons: how many there are more.
        active: share of these that an example uses.
        stop: accuracy on the forget set at which the first phase ends, after 30 passes at the latest.
        barrier: weight of what keeps the forget set out of the model in the second phase.
        beta: how soon NPO's pull fades.
        steps: step size, of both phases, and length of the second; an epoch is once through the retain set.

    Source: Schoepf et al. 2025, arXiv 2505.17730 (REM). From its abstract: corrupted data, of which a part was found, are
        redirected to dedicated neurons that come with unlearning and are then discarded. From a published summary of the paper: a
        removal as in NPO that needs no retain set, and a masked channel that repairs. From a third party, the MIT-licensed
        Harry24k/machine-unlearning-pytorch@405bab1, rem.py: one set of neurons for the forget set and random ones for the others,
        a fifth of all, a removal that ends at an accuracy of 0.2, and a barrier beside the repair. The authors' code was not at
        hand.
    Departs: the neurons stand next to the head alone, where that third party has a branch beside each layer; each example has a
        draw of its own, where it has a table of some; removal and barrier are NPO's, which have a bound, where its are gradient
        ascent; the removal comes once, where it comes before each epoch. Number of neurons, beta, step size and length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "classes", "correct"})

    neurons: Annotated[Count, SearchHint(32, 1024, log=True, asked=True)] = 128
    active: Annotated[Share, SearchHint(0.02, 0.5, log=True)] = 0.2
    stop: Annotated[Share, SearchHint(0.0, 0.75)] = 0.2
    barrier: Annotated[NonNegative, SearchHint(0.0, 2.0)] = 1.0
    beta: Annotated[Positive, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=3e-3, epochs=10, optimizer=AdamW(decay=1e-4), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model without the neurons that learned what it is to forget.

        Raises:
            BadInput: several processes work together; their accuracies differ until the end.
            ModelError: nothing may move, or the model has no head with one input per example.
        """
        if process_group() is not SINGLE:
            raise BadInput("REM stops by accuracy, which differs between processes: take a single one")
        movable(model, problem.trainable)
        task, before, wide = problem.task, teacher(model, "REM"), _Wide(model, problem, self.neurons)
        used = torch.rand(1 + len(problem.rest), self.neurons) < self.active  # the last is the forget set's
        used, share = used.to(wide.into.weight.device), len(problem.forget) / len(problem.rest)

        def push(outputs: Tensor, forget: Batch) -> Tensor:
            return preference(task, outputs, outputs_of(task, before, forget), forget, self.beta)

        def loss(retain: Batch | None, forget: Batch) -> Tensor:
            with untracked_statistics(model):
                if retain is None:
                    return push(task.forward(model, forget), forget)
                outputs, more = wide.outputs(forget, used[-1])
            out = task.loss_of(outputs + more, forget).mean() + self.barrier * push(outputs, forget)
            outputs, more = wide.outputs(retain, used[retain.rows.to(used.device)])
            return task.loss_of(outputs + more, retain).mean() + share * out

        descend(wide, loss, self._plan(model, problem), self.steps, wide.with_own(problem.trainable))
        return model

    def _plan(self, model: nn.Module, problem: Problem) -> Plan:
        """The forget set until few of it are right, then pairs."""
        pairs, forgets = problem.paired_batches(self.steps), problem.forget_batches(self.steps)

        def right() -> float:
            return accuracy("REM", model, problem.task, problem.forget)

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            at = 0
            while epoch == 0 and at < MOST and right() > self.stop:
                yield from ((None, forget) for (forget,) in forgets.draw(at))
                at += 1
            if at == MOST and (left := right()) > self.stop:
                add_note(f"{MOST} passes left {left:.0%} of the forget set right, and it was to be {self.stop:.0%} at most")
            yield from pairs.draw(epoch)

        return replace(pairs, draw=draw)


class _Wide(nn.Module):
    """A model and more neurons between its head's inputs and its outputs; at first they add nothing."""

    def __init__(self, model: nn.Module, problem: Problem, neurons: int):
        super().__init__()
        self.model, self.task, self.tokens = model, problem.task, isinstance(problem.forget.x, Ragged)
        device = next(model.parameters()).device
        with torch.no_grad():
            one = batch_of(problem.forget, np.arange(1), device)
            outputs, features = forward_with_features(model, one, self.task, self.tokens)
        self.into = nn.Linear(features.shape[1], neurons).to(device)
        self.out = nn.Linear(neurons, outputs.shape[1], bias=False).to(device)
        nn.init.zeros_(self.out.weight)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Outputs of the model by itself."""
        return self.model(*inputs, **named)

    def outputs(self, batch: Batch, used: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of the model, and what the neurons in use add to them, (b, c) each."""
        outputs, features = forward_with_features(self.model, batch, self.task, self.tokens)
        return outputs, self.out(F.relu(self.into(features.float())) * used)

    def with_own(self, trainable: Mask | None) -> Mask | None:
        """Weights that may move: of the model those that its settings name, and all of the neurons."""
        if trainable is None:
            return None
        own = {n: torch.ones_like(p, dtype=torch.bool) for n, p in self.named_parameters() if not n.startswith("model.")}
        return replace(trainable, bits=own | {f"model.{name}": bits for name, bits in trainable.bits.items()})
