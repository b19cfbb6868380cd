"""Ascent on the divergence from the model before."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from torch import Tensor, nn

from untrain.core.fields import Positive
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.maths.forget_losses import cross_entropy_from, divergence_from, mean_over
from untrain.training.distillation import teacher
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners._retain_term import descend_with_retain
from untrain.unlearners._token_terms import logits_beside
from untrain.unlearners.base import Unlearner

FORMS = {"divergence": divergence_from, "cross_entropy": cross_entropy_from}


class KLMax(Unlearner):
    """Minimise ``retain * L(retain) - forget * KL(p || p_before)`` on the scored tokens of forget.

    At the first step the gradient is 0, as the model is the one before: the retain set or rounding has to move it first; with
    'cross_entropy' it is not. Neither form has a lower bound of use, so step size and length decide where it stops. Batch-norm
    buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        form: the 'divergence', or the 'cross_entropy' ``-sum p log p_before``, to which the entropy of p is added: it gives all
            weight to what the model before found least likely.
        forget: weight of the forget set.
        retain: weight of the loss on the retain set, > 0.
        steps: step size and length; an epoch is once through the retain set.

    Source: Rezaei et al. 2025 (RESTOR), arXiv 2411.00204: the divergence in the paper, the cross-entropy in its code,
        k1rezaei/restor@15292e5.
    Departs: one weight for each set, where that code's gamma weighs the forget set here and the retain set in other methods.
        Default step size and length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "labels", "retain", "logits"})

    form: Literal["divergence", "cross_entropy"] = "divergence"
    forget: Annotated[Positive, SearchHint(0.01, 10, log=True)] = 1.0
    retain: Annotated[Positive, SearchHint(0.1, 10, log=True)] = 1.0
    steps: Steps = Steps(lr=0.005, epochs="30%", schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model after descent on retain and ascent on forget."""
        task, before, form = problem.task, teacher(model, "KLMax"), FORMS[self.form]

        def forgetting(forget: Batch) -> Tensor:
            logits, then, scored = logits_beside(model, before, task, forget)
            return -self.forget * mean_over(form(logits, then), scored).mean()

        return descend_with_retain(model, problem, self.steps, forgetting, self.retain)
