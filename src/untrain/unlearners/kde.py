"""Reset of the first and the last layer, with distillation."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

from torch import Tensor, nn

from untrain.core.errors import DataError
from untrain.core.fields import Count, Positive
from untrain.core.search_space import SearchHint
from untrain.core.seeds import derive_seed
from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.distillation import outputs_of, teacher
from untrain.training.gradients import put
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Cosine, Steps
from untrain.unlearners._phases import before_the_last
from untrain.unlearners._weight_layers import weight_layers
from untrain.unlearners.base import Unlearner
from untrain.unlearners.resetfinetune import initial_values


class KDE(Unlearner):
    """Reset the first layer and the head; minimise ``KL(before || model)`` on held-out data, then ``L + 2 KL`` on retain.

    The model before the request is the teacher, on held-out and retain examples alone. Divergences are of logits
    divided by the temperature. The reset leaves batch-norm buffers alone; afterwards they follow ``steps.buffers``.

    Args:
        temperature: divides the logits before they are compared.
        warm: epochs on the held-out data.
        warm_lr: step size on the held-out data.
        steps: step size and length on the retain set.

    Source: the seventh of the NeurIPS 2023 unlearning challenge by its notebook's title (Karipidis, "Unlearning by resetting
        layers"), called KDE by Cadet et al. 2024, arXiv 2410.01276, whose re-implementation has it as the sixth:
        xcadet/deepunlearn@6830ff6, kgltop6.py, with its values. It adds the cross-entropy from the teacher to the
        divergence; the two have one gradient, hence the 2.
    Departs: the code resets what is named ``conv1``, and no first layer where nothing is; here the first layer is the first
        declared that maps inputs with a weight of two or more dimensions. It is reset to a draw of the model's own
        initialisation. A transformer's class token and its embeddings of places, which are of no layer, stay.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "valid", "labels", "divergence"})

    temperature: Annotated[Positive, SearchHint(1, 8, log=True)] = 5.0
    warm: Annotated[Count, SearchHint(1, 5)] = 3
    warm_lr: Annotated[Positive, SearchHint(1e-5, 1e-1, log=True)] = 9e-4
    steps: Steps = Steps(lr=1e-3, epochs=3, batch=64, optimizer=SGD(decay=5e-4), schedule=Cosine(floor=0.0))

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Never: layers are reset before the first step."""
        return False

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with two layers learned anew.

        Raises:
            DataError: there are no held-out examples.
            ModelError: the problem has no ``init`` to make a fresh model.
        """
        if problem.valid is None:
            raise DataError("KDE needs held-out examples, and there are none: give Problem(valid=...)")
        task, before = problem.task, teacher(model, "KDE")
        first = next(iter(weight_layers(model).values()))
        fresh = initial_values(model, problem, derive_seed(problem.seed), "KDE")
        put(model, {n: fresh[n] for n in {*first, *task.head(model)}}, problem.mask or problem.trainable)

        def divergence(outputs: Tensor, batch: Batch) -> Tensor:
            away = task.divergence(outputs, outputs_of(task, before, batch), batch, self.temperature)
            return away.mean() / self.temperature**2

        def warming(batch: Batch) -> Tensor:
            return divergence(task.forward(model, batch), batch)

        def loss(retain: Batch) -> Tensor:
            outputs = task.forward(model, retain)
            return task.loss_of(outputs, retain).mean() + 2 * divergence(outputs, retain)

        warm = replace(before_the_last(self.steps), lr=self.warm_lr, epochs=self.warm, schedule=Constant())
        held_out = replace(problem, retain=problem.valid).retain_batches(warm)
        descend(model, warming, held_out, warm, problem.trainable)
        return descend(model, loss, problem.retain_batches(self.steps), self.steps, problem.trainable)
