"""Projected-gradient unlearning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from torch import Tensor, nn

from untrain.core.errors import BadInput, DataError, RunFailed
from untrain.core.mask import Mask
from untrain.core.metering import add_note
from untrain.data import batching
from untrain.data.examples import Batch, Examples, walk
from untrain.models.state import State, state
from untrain.training.batch_norm import tracking
from untrain.training.batch_plan import Plan
from untrain.training.bounded_ascent import BoundedAscent
from untrain.training.descend import descend
from untrain.training.gradient_subspace import GradientSubspace, Subspace, gradient_subspace
from untrain.training.keepers.inputcovariance import input_moments, moments_without
from untrain.training.problem import Problem
from untrain.training.process_group import SINGLE, process_group
from untrain.training.sharded_model import refuse_sharded
from untrain.training.steps import SGD, Geometric, Steps
from untrain.unlearners.base import Unlearner
from untrain.unlearners.scrub import error, restore

DROP = 0.05  # of the retain accuracy, in the authors' code for classes

Stop = Literal["never", "valid", "retain_drop"]


class ProjectedGradient(Unlearner):
    """Minimise ``-log(1 - p_y + offset) + entropy`` on forget, moving weights only where the retain set's inputs do not reach.

    The change of each linear layer's and convolution's weight is projected off the leading directions of that layer's inputs
    on the retain set. If these are kept whole, outputs on the retain set stay as they are. Nothing else moves: neither biases
    nor norms nor embeddings nor weights that layers share. Batch-norm layers normalise by their buffers, which stay.

    Args:
        covariance: where the retain set's second moments come from: the forget set's taken away from those of all training data
            that the keeper ``InputCovariance`` saved when the model was trained ('kept'), so that no retain set is needed, or
            computed on the 'retain' set; the two are the same up to rounding.
        subspace: choice of the directions.
        loss: on the forget set.
        stop: 'never' before the last epoch; after the epoch in which accuracy on held-out examples comes to exceed that on the
            forget set ('valid'), or accuracy on the retain set has dropped by more than five points ('retain_drop'), with the
            model of that epoch or of the one before, whichever is closer to the line; never the untouched one.
        dropout: whether dropout is on.
        steps: step size and length; an epoch is once through the forget set.

    Source: Hoang et al. 2023, arXiv 2312.04095, sections 3.2 and 3.3; code
        hnanhtuan/projected_gradient_unlearning@b3275c3, unlearn.py, for SmallVGG.
    Departs: that code takes the covariance of augmented inputs for all data and of plain ones for the forget set, whose
        difference has negative eigenvalues; patches of stride 1 under every convolution, which no field brings back; and dropout
        on. Its first epoch takes no step, so that its first step size is the second of ours. It fixes the order of the forget
        set. An optimizer of any kind will do, since changes are projected and not gradients. A run whose accuracies never cross
        ends with the last model, in that code with the first. Singular values that rounding cannot tell from 0 are 0.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "classes"})

    covariance: Literal["kept", "retain"] = "kept"
    subspace: Subspace = Subspace()
    loss: BoundedAscent = BoundedAscent()
    stop: Stop = "never"
    dropout: bool = False
    steps: Steps = Steps(lr=0.05, epochs=100, optimizer=SGD(momentum=0.0), schedule=Geometric(floor=0.2), buffers="freeze")

    def needed(self) -> frozenset[str]:
        """Names of all that it needs: the retain set or what was kept, and what it stops by."""
        source = {"retain"} if self.covariance == "retain" else {"kept:InputCovariance"}
        by = {"never": [], "valid": ["valid", "correct"], "retain_drop": ["retain", "correct"]}[self.stop]
        return super().needed() | source | set(by)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that moved within the subspace.

        Raises:
            ModelError: what was kept is of another model, a layer would be without protection, or nothing could move.
            DataError: it is to stop by held-out examples, and there are none.
            RunFailed: it is to stop before the first step.
        """
        refuse_sharded(model, "ProjectedGradient")
        space = gradient_subspace(model, self._moments(model, problem), self.subspace)
        mask = space.mask(model, problem.trainable)
        watch = None if self.stop == "never" else _watch(problem, self.stop)
        plan = _forget_batches(problem, self.steps)

        def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
            space.confine(model, mask)
            if watch is None or not watch.over(model):
                yield from plan.draw(epoch)

        def loss(forget: Batch) -> Tensor:
            space.confine(model, mask)
            model.train(self.dropout)
            for layer in tracking(model):
                layer.eval()
            return self.loss.of(problem.task.forward(model, forget), forget.y).mean()

        descend(model, loss, replace(plan, draw=draw), self.steps, mask)
        return _ended(model, space, mask, watch)

    def _moments(self, model: nn.Module, problem: Problem) -> Mapping[str, Tensor]:
        if self.covariance == "retain":
            return input_moments(model, problem.rest, problem.task)
        return moments_without(problem.kept["InputCovariance"], model, problem.forget, problem.task, problem.replacement)


def _forget_batches(problem: Problem, steps: Steps) -> Plan:
    """Once through the forget set in each epoch, in a new order, as it is: what augmentation makes of it was not protected from."""

    def draw(epoch: int) -> Iterator[tuple[Batch | None, ...]]:
        for batch in walk(problem.forget, steps.batch, np.random.default_rng((problem.seed, epoch)), alike=steps.alike):
            yield (batch,)

    length = batching.count(len(problem.forget), steps.batch)
    return Plan(problem.epochs(steps), draw, problem.retain, problem.task, length)


def _ended(model: nn.Module, space: GradientSubspace, mask: Mask, watch: _Watch | None) -> nn.Module:
    space.confine(model, mask)
    if watch is not None and not watch.over(model):
        add_note("the accuracies that it was to stop by never crossed: it took all of its steps")
    return model


def _watch(problem: Problem, stop: Stop) -> _Watch:
    if process_group() is not SINGLE:
        raise BadInput("stopping by accuracies takes a single process: use stop='never', or one process")
    held_out = problem.rest if stop == "retain_drop" else problem.valid
    if held_out is None:
        raise DataError("stop='valid' needs held-out examples, and there are none: give Problem(valid=...) or stop='never'")
    return _Watch(problem, stop, held_out)


@dataclass
class _Watch:
    """Decides after each epoch whether to stop, and with which model."""

    problem: Problem
    stop: Stop
    held_out: Examples
    asked: int = 0
    first: float = 0.0
    last: tuple[float, State] | None = None
    done: bool = False

    def over(self, model: nn.Module) -> bool:
        """True from the epoch on after which the gap is positive; the model is then the one to end with."""
        if self.done:
            return True
        gap = self._gap(model.eval())
        if gap > 0 and not self.asked:
            raise RunFailed("accuracy on held-out examples exceeds that on the forget set before the first step: take stop='never'")
        if gap > 0:
            self.done = True
            before = gap if self.last is None else self.last[0]
            if self.last is not None and abs(before) <= abs(gap):
                restore(model, self.last[1])
            add_note(f"stopped by {self.stop!r} after epoch {self.asked}: the gap went from {before:+.3f} to {gap:+.3f}")
        # The untouched model is none to end with.
        self.last = (gap, state(model)) if self.asked else None
        self.asked += 1
        return self.done

    def _gap(self, model: nn.Module) -> float:
        task = self.problem.task
        now = error(model, task, self.held_out)
        if self.stop == "valid":
            return error(model, task, self.problem.forget) - now
        self.first = self.first if self.asked else now
        return now - self.first - DROP
