"""Classification: one label an example."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.core.records import Batch
from untrain.core.spec import Spec


class Classify(Spec):
    """Cross-entropy on the model's answers; uint8 images are scaled to [0, 1].

    Args:
        head_names: names of the classifier head's parameters; empty finds the last linear or 1x1-convolution layer.

    Source: the classification set-up of DEL, arXiv 2412.02432 (ToTensor only, no normalisation).
    """

    head_names: tuple[str, ...] = ()

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Answers, (b, c); a model that returns a record with ``logits`` is understood."""
        x = batch.x.float() / 255 if batch.x.dtype == torch.uint8 else batch.x
        out = model(x)
        return out if isinstance(out, Tensor) else out.logits

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy in nats, (b,)."""
        return F.cross_entropy(self.logits(model, batch), batch.y, reduction="none")

    def head(self, model: nn.Module) -> tuple[str, ...]:
        """Names of the head's parameters.

        Raises:
            ModelError: there is no linear layer to take for the head.
        """
        if self.head_names:
            return self.head_names
        last = None
        for name, part in model.named_modules():
            if isinstance(part, nn.Linear) or (isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1)):
                last = name, part
        if last is None or not isinstance(last[1], nn.Linear | nn.Conv2d):
            raise ModelError(f"{type(model).__name__} has no linear layer to take for its head: name it with head=(...)")
        name, part = last
        return tuple(f"{name}.{p}" if name else p for p, _ in part.named_parameters(recurse=False))
