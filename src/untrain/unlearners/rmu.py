"""Representation misdirection."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.core.seeds import derive_seed
from untrain.data.examples import Batch
from untrain.data.ragged import PAD
from untrain.maths.forget_losses import mean_over
from untrain.models.hidden import hidden_outputs, middle_layer
from untrain.models.tasks.base import Task
from untrain.training.batch_norm import untracked_statistics
from untrain.training.descend import descend
from untrain.training.distillation import teacher
from untrain.training.problem import Problem
from untrain.training.steps import AdamW, Constant, Steps
from untrain.unlearners.base import Unlearner


class RMU(Unlearner):
    """Minimise ``|h(forget) - c * u|^2 + retain * |h(retain) - h_before(retain)|^2``, where h is a layer's output.

    Squares are means over units and places. What the network makes of the forget set half-way is pulled to one random direction
    u, of length 1; what it makes of the rest stays. Layers behind that one get no gradient. In rows of tokens each token is
    a place. Batch-norm buffers follow ``steps.buffers``; the forget batches never enter them.

    Args:
        layer: name of the layer; empty takes the middle one of the longest list of layers.
        coefficient: c, the length of what outputs are pulled to.
        direction: drawn 'positive', uniform over [0, 1) in each unit, or 'normal', which has both signs.
        retain: weight of the retain set.
        steps: step size and length; an epoch is once through the retain set.

    Source: Li et al. 2024, arXiv 2403.03218; coefficient, weight and direction of the code locuslab/open-unlearning@d3d7cf9, where
        all weights up to the layer move.
    Departs: any network; which layer is best is not known of small ones. Default step size and length are ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "retain"})

    layer: str = ""
    coefficient: Annotated[Positive, SearchHint(0.5, 50, log=True)] = 2.0
    direction: Literal["positive", "normal"] = "positive"
    retain: Annotated[NonNegative, SearchHint(0.1, 100, log=True)] = 1.0
    steps: Steps = Steps(lr=1e-3, epochs="30%", optimizer=AdamW(), schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model whose layer was misdirected.

        Raises:
            ModelError: there is no such layer, or none can be taken for the middle one.
        """
        task, before = problem.task, teacher(model, "RMU")
        layer = self.layer or middle_layer(model)
        aim: Tensor | None = None

        def loss(retain: Batch, forget: Batch) -> Tensor:
            nonlocal aim
            kept, scored = hidden(model, layer, task, retain)
            with torch.no_grad():
                wanted, _ = hidden(before, layer, task, retain)
            held = mean_over((kept - wanted).square().mean(-1), scored).mean()
            with untracked_statistics(model):
                moved, scored = hidden(model, layer, task, forget)
            aim = self.coefficient * self._drawn(moved, problem.seed) if aim is None else aim
            return mean_over((moved - aim).square().mean(-1), scored).mean() + self.retain * held

        return descend(model, loss, problem.paired_batches(self.steps), self.steps, problem.trainable)

    def _drawn(self, like: Tensor, seed: int) -> Tensor:
        """The direction, (d,); on the CPU, so that every device has the same."""
        generator = torch.Generator().manual_seed(derive_seed(seed))
        draw = torch.rand if self.direction == "positive" else torch.randn
        drawn: Tensor = draw(like.shape[-1], generator=generator)
        direction: Tensor = (drawn / torch.linalg.vector_norm(drawn)).to(like)
        return direction


def hidden(model: nn.Module, layer: str, task: Task, batch: Batch) -> tuple[Tensor, Tensor]:
    """Outputs of a layer, (b, places, d), and which places count, bool (b, places)."""
    with hidden_outputs(model, layer) as found:
        task.forward(model, batch)
    vectors = found[0]
    if batch.x.shape == vectors.shape[:2] and not batch.x.is_floating_point():
        return vectors, batch.x != PAD
    return vectors, torch.ones(vectors.shape[:2], dtype=torch.bool, device=vectors.device)
