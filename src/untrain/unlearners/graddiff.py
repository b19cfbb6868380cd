"""Gradient difference."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from torch import Tensor, nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.training.batch_norm import untracked_statistics
from untrain.training.descend import descend
from untrain.training.distillation import outputs_of, teacher
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners.base import Unlearner


class GradDiff(Unlearner):
    """Minimise ``retain * H(retain) - forget * L(forget)``, H the loss L, or the divergence ``KL(p_before || p)``.

    As ``NegGrad``, with a weight for each set. Its pull has no end, so step size and length decide where it stops. Batch-norm
    buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        hold: what is small on the retain set: the loss against its 'labels', or the 'divergence' from the model before.
        forget: weight of the forget set.
        retain: weight of the retain set.
        steps: step size and length; an epoch is once through the retain set.

    Source: Liu et al. 2022, arXiv 2203.12817; Maini et al. 2024, arXiv 2401.06121 (TOFU: gradient difference, and with the
        divergence KL minimization); weights of the code locuslab/open-unlearning@d3d7cf9.
    Departs: the divergence is of scored places alone, where that code's is of prompts and padding too. Default step size and
        length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    hold: Literal["labels", "divergence"] = "labels"
    forget: Annotated[Positive, SearchHint(0.01, 10, log=True)] = 1.0
    retain: Annotated[NonNegative, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=0.001, epochs="30%", schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; divergences where it takes them."""
        return super().needed() | ({"divergence"} if self.hold == "divergence" else set())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on retain and ascent on forget."""
        task = problem.task
        before = teacher(model, "GradDiff") if self.hold == "divergence" else None

        def loss(retain: Batch, forget: Batch) -> Tensor:
            outputs = task.forward(model, retain)
            if before is None:
                held = task.loss_of(outputs, retain)
            else:
                held = task.divergence(outputs, outputs_of(task, before, retain), retain)
            with untracked_statistics(model):
                return self.retain * held.mean() - self.forget * task.loss(model, forget).mean()

        return descend(model, loss, problem.paired_batches(self.steps), self.steps, problem.trainable)
