"""Boundary Expanding."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from untrain.core.mask import Mask
from untrain.data.examples import Batch, batch_of
from untrain.data.ragged import Ragged
from untrain.models.features import forward_with_features
from untrain.training.centroids import full_precision
from untrain.training.descend import descend
from untrain.training.gradients import check_depends, movable
from untrain.training.problem import Problem
from untrain.training.steps import Constant, Steps
from untrain.unlearners.base import Unlearner


class BoundaryExpand(Unlearner):
    """Minimise ``L(forget with a class of its own)``: an extra class absorbs the forget set and is removed afterwards.

    Its logit is linear in the head's inputs and starts from random weights. The method needs no labels. Batch-norm buffers follow
    ``steps.buffers``; the forget set moves them.

    Args:
        steps: step size and length; an epoch is once through the forget set.

    Source: Chen et al. 2023 (CVPR), Boundary Unlearning; the authors' code at TY-LEE-KR/Boundary-Unlearning-Code@19f9f23,
        boundary_unlearning.py. Its 10 epochs on a class of CIFAR-10 are 790 steps: a smaller forget set needs more, or larger ones.
    Departs: the class stands next to the head and not in it, so that a head which is a convolution before pooling has one too; the
        code's first pass, made before it switches to train mode, is in train mode here. The default step size is ours, at which
        small networks move: at the code's 1e-5 they do not.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"forget", "classes"})

    steps: Steps = Steps(lr=1e-2, epochs=10, batch=64, schedule=Constant())

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model that lost the forget set to a class that is no more.

        Raises:
            ModelError: nothing may move, or the model has no head with one input per example.
        """
        movable(model, problem.trainable)
        task, tokens = problem.task, isinstance(problem.forget.x, Ragged)
        wide = Widened(model, self._shadow(model, problem, tokens))

        def loss(forget: Batch) -> Tensor:
            outputs, vectors = forward_with_features(model, forget, task, tokens)
            check_depends(outputs)
            logits = torch.cat([outputs, wide.shadow(full_precision(vectors)).to(outputs)], dim=1)
            return F.cross_entropy(logits, torch.full((len(logits),), outputs.shape[1], device=logits.device))

        trainable = None if problem.trainable is None else wide.widened(problem.trainable)
        descend(wide, loss, problem.forget_batches(self.steps), self.steps, trainable)
        return model

    def _shadow(self, model: nn.Module, problem: Problem, tokens: bool) -> nn.Linear:
        """The class as a layer of one output, with Glorot's normal weights as of a head of one class more, and a bias of 0."""
        batch = batch_of(problem.forget, np.arange(1), next(model.parameters()).device)
        with torch.no_grad():
            outputs, vectors = forward_with_features(model, batch, problem.task, tokens)
        width = vectors.shape[1]
        # Drawn on the CPU, so that every device starts from the same.
        shadow = nn.Linear(width, 1)
        nn.init.normal_(shadow.weight, std=(2 / (width + outputs.shape[1] + 1)) ** 0.5)
        nn.init.zeros_(shadow.bias)
        return shadow.to(full_precision(vectors))


class Widened(nn.Module):
    """A model with a class more beside its head; its forward pass is that of the model."""

    def __init__(self, model: nn.Module, shadow: nn.Linear):
        super().__init__()
        self.model, self.shadow = model, shadow

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Outputs of the model."""
        return self.model(*args, **kwargs)

    def widened(self, mask: Mask) -> Mask:
        """The mask of a model as one of this: the class more may move."""
        shadow = {f"shadow.{n}": torch.ones_like(p, dtype=torch.bool) for n, p in self.shadow.named_parameters()}
        return Mask({f"model.{n}": bits for n, bits in mask.bits.items()} | shadow, mask.digest)
