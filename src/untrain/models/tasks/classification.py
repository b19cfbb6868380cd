"""Classification: one label per example."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Self

from pydantic import Field
from torch import Tensor, nn

from untrain.data.examples import Batch, Examples
from untrain.models.tasks.choice import Choice, logits_of


class Classification(Choice):
    """Cross-entropy on the model's logits; uint8 images are scaled to [0, 1].

    >>> import torch
    >>> Classification().loss_of(torch.zeros(1, 2), Batch.labelled(torch.zeros(1, 3), torch.tensor([0])))
    tensor([0.6931])

    Args:
        classes: number of classes; None takes that of the training data.
        head_names: names of the classifier head's parameters; empty takes the model's own ``head_names``, or finds the last
            declared linear layer or 1x1 convolution with as many outputs as there are classes.

    Source: the classification set-up of DEL, arXiv 2412.02432 (ToTensor only, no normalisation).
    """

    classes: Annotated[int, Field(ge=2)] | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples: Examples) -> Self:
        """The task with its number of classes."""
        return self if self.classes is not None or examples.classes < 2 else replace(self, classes=examples.classes)

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """Logits, (b, c); a model may return a record with ``logits``."""
        return logits_of(model, model(self.inputs(batch)))
