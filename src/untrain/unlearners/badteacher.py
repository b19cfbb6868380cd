"""Two teachers, one of them untrained."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.core.fields import Positive
from untrain.core.search_space import SearchHint
from untrain.core.seeds import derive_seed, seeded
from untrain.data.examples import Batch, joined, take
from untrain.training.descend import descend
from untrain.training.distillation import outputs_of, teacher
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps
from untrain.unlearners.base import Unlearner


class BadTeacher(Unlearner):
    """Minimise ``KL(model before || model)`` on a part of retain and ``KL(untrained model || model)`` on forget.

    Batches come from both sets together, shuffled. Batch-norm buffers follow ``steps.buffers``.

    Args:
        share: part of the retain set to train on, drawn at random once.
        temperature: divides the logits before they are compared.
        steps: step size and length.

    Source: Chundawat et al. 2023, arXiv 2205.08096, eqs. 2-4; code vikram2000b/bad-teaching-unlearning.
    Departs: the divergence is summed over classes as in the paper, where the code takes their mean (Adam sees no difference);
        at other temperatures than 1 it is multiplied by the square of it.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain", "divergence"})

    share: Annotated[float, Field(gt=0, le=1), SearchHint(0.1, 1.0)] = 0.3
    temperature: Annotated[Positive, SearchHint(0.5, 8, log=True)] = 1.0
    steps: Steps = Steps(lr=1e-4, epochs=1, batch=256, optimizer=AdamW(), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The student of both.

        Raises:
            ModelError: the problem has no ``init`` to make an untrained model.
        """
        task = problem.task
        good, bad = teacher(model, "BadTeacher"), self._untrained(model, problem)
        rows = torch.randperm(len(problem.rest))[: max(1, round(self.share * len(problem.rest)))].sort().values.numpy()
        retain = take(problem.rest, rows)
        sides = [part.with_fields(forget=torch.full((len(part),), side)) for side, part in enumerate((retain, problem.forget))]
        plan = replace(replace(problem, retain=joined(*sides)).retain_batches(self.steps), retain=problem.retain)

        def loss(batch: Batch) -> Tensor:
            teachers = [outputs_of(task, each, batch) for each in (good, bad)]
            is_forget = (batch.fields["forget"] == 1).reshape(-1, *[1] * (teachers[0].ndim - 1))
            mixed = torch.where(is_forget, teachers[1], teachers[0])
            return task.divergence(task.forward(model, batch), mixed, batch, self.temperature).mean()

        return descend(model, loss, plan, self.steps, problem.trainable)

    def _untrained(self, model: nn.Module, problem: Problem) -> nn.Module:
        if problem.init is None:
            raise ModelError("BadTeacher needs an untrained model: give Problem(init=...), a function of a seed")
        device = next(model.parameters()).device
        with seeded(device, derive_seed(problem.seed)):
            return teacher(problem.init(derive_seed(problem.seed)), "BadTeacher").to(device)
