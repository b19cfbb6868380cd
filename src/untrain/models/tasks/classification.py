"""Classification: one label an example."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.core.spec import Spec
from untrain.data.examples import Batch


class Classification(Spec):
    """Cross-entropy on the model's answers; uint8 images are scaled to [0, 1].

    Args:
        head_names: names of the classifier head's parameters; empty takes the model's own ``head_names``, or finds the last
            declared linear layer or 1x1 convolution with as many answers as there are classes.

    Source: the classification set-up of DEL, arXiv 2412.02432 (ToTensor only, no normalisation).
    """

    head_names: tuple[str, ...] = ()

    def logits(self, model: nn.Module, batch: Batch) -> Tensor:
        """Answers, (b, c); a model that returns a record with ``logits`` is understood."""
        x = batch.x.float() / 255 if batch.x.dtype == torch.uint8 else batch.x
        out = model(x)
        logits = out if isinstance(out, Tensor) else getattr(out, "logits", None)
        if not isinstance(logits, Tensor):
            kind = f"{type(model).__name__} answers with a {type(out).__name__}"
            raise ModelError(f"{kind}; a tensor (batch, classes), or a record with one under `logits`, is needed")
        # Losses and answers are of full precision also where autocast computes the layers in half.
        return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy in nats, (b,)."""
        return F.cross_entropy(self.logits(model, batch), batch.y, reduction="none")

    def head(self, model: nn.Module, classes: int) -> tuple[str, ...]:
        """Names of the head's parameters: those named here or by the model, or of the last linear layer with ``classes`` answers.

        Raises:
            ModelError: there is no such layer.
        """
        named = self.head_names or getattr(model, "head_names", ())
        if named:
            return tuple(named)
        wide = [part for part in model.modules() if _answers(part) >= classes]
        if not wide:
            kind = f"{type(model).__name__} has no linear layer with {classes} or more answers"
            raise ModelError(f"{kind} to take for its head: name it with head=(...)")
        found = ([part for part in wide if _answers(part) == classes] or wide)[-1]
        held = {id(p) for p in found.parameters(recurse=False)}
        # By identity: a tied weight bears the name under which the model declares it first.
        return tuple(n for n, p in model.named_parameters() if id(p) in held)


def _answers(part: nn.Module) -> int:
    """Number of answers of a layer that may be a head, 0 for others."""
    if isinstance(part, nn.Linear):
        return part.out_features
    return part.out_channels if isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1) else 0
