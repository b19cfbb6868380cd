"""Transposed convolutions."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from untrain.core.errors import ModelError
from untrain.data.examples import Batch
from untrain.training.descend import descend
from untrain.training.gradients import put
from untrain.training.problem import Problem
from untrain.training.sharded_model import refuse_sharded
from untrain.training.steps import SGD, Cosine, Steps
from untrain.unlearners._weight_layers import kernels
from untrain.unlearners.base import Unlearner


class CT(Unlearner):
    """Transpose the kernel of each convolution, then minimise ``L(retain)``.

    Height and width of a kernel change places; a kernel of one pixel stays. Nothing is drawn, so that models differ by the order
    of batches alone. The transposition leaves batch-norm buffers alone; afterwards they follow ``steps.buffers``.

    Args:
        steps: step size and length of the finetuning.

    Source: the fifth of the NeurIPS 2023 unlearning challenge, called Convolution Transpose by Cadet et al. 2024,
        arXiv 2410.01276, who rank it and MSG highest; written from its description.
    Departs: kernels that are not square stay as they are; transposed, they would have another shape.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels"})

    steps: Steps = Steps(lr=1e-3, epochs=3, batch=64, optimizer=SGD(decay=5e-4), schedule=Cosine(floor=0.0))

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Never: kernels are transposed before the first step."""
        return False

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with transposed kernels, finetuned.

        Raises:
            ModelError: the model has no convolution with a square kernel of two or more pixels a side.
        """
        refuse_sharded(model, "CT")
        square = {n: p for n, p in kernels(model).items() if p.shape[2] == p.shape[3] > 1}
        if not square:
            raise ModelError(
                f"CT transposes kernels of convolutions, and {type(model).__name__} has none of two or more pixels a side: "
                "take a method without, such as MSG()"
            )
        put(model, {n: p.detach().transpose(2, 3).clone() for n, p in square.items()}, problem.mask or problem.trainable)

        def loss(retain: Batch) -> Tensor:
            return problem.task.loss(model, retain).mean()

        return descend(model, loss, problem.retain_batches(self.steps), self.steps, problem.trainable)
