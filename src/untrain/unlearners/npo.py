"""Negative preference optimization."""

from __future__ import annotations

from typing import Annotated, ClassVar

from torch import Tensor, nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.maths.forget_losses import Granularity, negative_preference
from untrain.models.tasks.base import Task
from untrain.training.distillation import outputs_of, teacher
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._retain_term import descend_with_retain, without_unused
from untrain.unlearners.base import Unlearner


class NPO(Unlearner):
    """Minimise ``retain * L(retain) + (2 / beta) log(1 + (p / p_before) ** beta)`` on forget, where p is a target's probability.

    Ascent whose pull fades where the model already gives a target less than it did: for small ``beta`` it is gradient ascent,
    and it has a lower bound, 0. Log-probabilities are the negative losses of the task, so it works wherever these are
    cross-entropies. Where an example is a row of tokens, p is the product of the probabilities of those that are scored, or what
    ``granularity`` says. Batch-norm buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        beta: how soon the pull fades; with sequences of many tokens a given beta fades sooner.
        granularity: of what p is the probability: a 'token', a 'sequence', or the geometric mean token of a 'batch'. Of examples
            that are not rows of tokens, 'token' and 'sequence' are the same.
        retain: weight of the loss on the retain set; 0 needs no retain set.
        steps: step size and length; an epoch is once through the retain set, or without it through the forget set.

    Source: Zhang et al. 2024, arXiv 2404.05868, eq. 3 and, with retain, section 3.2; 'token' and 'batch' are what README and code
        of RESTOR, arXiv 2411.00204, have.
    Departs: written for language models; here any task whose loss is a cross-entropy, such as images, where the tables of REM
        (Schoepf et al. 2025) have it too. Default step size and length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain"})

    beta: Annotated[Positive, SearchHint(0.01, 10, log=True)] = 0.1
    granularity: Granularity = "sequence"
    retain: Annotated[NonNegative, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=0.005, epochs="30%", schedule=Constant())

    def needed(self) -> frozenset[str]:
        """Names of all that it needs; without weight it needs no retain set."""
        return without_unused(super().needed(), self.retain, self.steps)

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on both."""
        task, before = problem.task, teacher(model, "NPO")

        def forgetting(forget: Batch) -> Tensor:
            outputs = task.forward(model, forget)
            return preference(task, outputs, outputs_of(task, before, forget), forget, self.beta, self.granularity)

        return descend_with_retain(model, problem, self.steps, forgetting, self.retain)


def preference(
    task: Task, outputs: Tensor, before: Tensor, forget: Batch, beta: float, granularity: Granularity = "sequence"
) -> Tensor:
    """Mean of ``(2 / beta) log(1 + (p / p_before) ** beta)``, p being a target's probability.

    Args:
        task: one whose loss is a cross-entropy.
        outputs: of the model now.
        before: of the model before, on the same inputs.
        forget: the examples.
        beta: how soon the pull fades.
        granularity: of what p is the probability.
    """
    (now, scored), (then, _) = (task.place_losses(each, forget) for each in (outputs, before))
    return negative_preference(now, then, scored, beta, granularity)
