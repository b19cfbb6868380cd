"""Pruning of nearly all weights, retraining towards the entropies before, and rounding."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from untrain.core.fields import Keep
from untrain.core.search_space import SearchHint
from untrain.data.examples import Batch
from untrain.maths.selection import elements, split
from untrain.training.descend import descend
from untrain.training.distillation import outputs_of, teacher
from untrain.training.gradients import movable, put
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners._class_counts import class_counts
from untrain.unlearners._weight_layers import weight_layers
from untrain.unlearners.base import Unlearner

POWER = -0.1  # of a class's number of examples, in its weight


class PRMQ(Unlearner):
    """Reinitialise the smallest weights, minimise ``w L(retain) + (H(model) - H(before))^2``, and round to half precision.

    ``H`` is the entropy of a prediction, and ``w`` weighs examples in the mean of ``L`` by their class: its number of retain
    examples to the power of -0.1. The smallest weights are chosen over all layers together; small biases become 0. The draw and
    the rounding leave batch-norm buffers alone; in between they follow ``steps.buffers``.

    Args:
        prune: share of the weights and biases of all layers that is drawn anew.
        steps: step size and length.

    Source: the fourth of the NeurIPS 2023 unlearning challenge, called PRMQ (prune, retrain, mask, quantize) by Cadet et al. 2024,
        arXiv 2410.01276; their re-implementation xcadet/deepunlearn@6830ff6, kgltop4.py, with its values.
    Departs: 3 epochs, where the code takes 3.2 and a step. The code prunes linear layers and two-dimensional convolutions, here all
        layers with a weight of two or more dimensions are pruned, drawn as if their first were that of outputs; and it rounds
        buffers too. A transformer's class token and its embeddings of places, which are of no layer, stay. The code masks nothing,
        whatever the name says, and no more is done here.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "labels", "classes"})

    prune: Annotated[Keep, SearchHint(0.5, 1.0)] = 0.99
    steps: Steps = Steps(lr=5e-4, epochs=3, batch=64, optimizer=SGD(decay=5e-4), schedule=Constant())

    def may_be_unchanged(self, problem: Problem) -> bool:
        """Never: weights are drawn before the first step."""
        return False

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with weights drawn anew, finetuned and rounded.

        Raises:
            ModelError: the model has no layer with a weight of two or more dimensions, or nothing may move.
            NotFinite: a weight is too large for half precision.
        """
        movable(model, problem.trainable)
        task, before = problem.task, teacher(model, "PRMQ")
        counts = class_counts(problem)
        weights = torch.where(counts > 0, counts.clamp(min=1) ** POWER, 0.0).to(next(model.parameters()).device)
        put(model, redrawn(model, self.prune), problem.mask or problem.trainable)

        def loss(retain: Batch) -> Tensor:
            outputs = task.forward(model, retain)
            away = entropy(outputs) - entropy(outputs_of(task, before, retain))
            w = weights[retain.y]
            return (w * task.loss_of(outputs, retain)).sum() / w.sum() + away.square().mean()

        descend(model, loss, problem.retain_batches(self.steps), self.steps, problem.trainable)
        put(model, {n: p.detach().half() for n, p in model.named_parameters()}, problem.trainable)
        return model


def entropy(logits: Tensor) -> Tensor:
    """Entropy of each prediction in nats, (b,), from logits (b, c).

    >>> entropy(torch.zeros(1, 2))
    tensor([0.6931])
    """
    logp = logits.log_softmax(1)
    return -(logp.exp() * logp).sum(1)


def redrawn(model: nn.Module, share: float) -> dict[str, Tensor]:
    """Parameters of all layers, of which the smallest ``share`` is drawn anew.

    A weight is uniform within one over the square root of the number of inputs of its output; a bias, or another vector, is 0.
    """
    params = dict(model.named_parameters())
    params = {n: params[n] for names in weight_layers(model).values() for n in names}
    sizes = torch.cat([p.detach().abs().flatten() for p in params.values()])
    smallest = split(elements(-sizes, round(share * len(sizes))), list(params.values()))
    values = {}
    for (name, p), chosen in zip(params.items(), smallest, strict=True):
        reach = (p[:1].numel() or 1) ** -0.5 if p.ndim > 1 else 0.0
        drawn = reach * (2 * torch.rand(p.shape) - 1)  # on the CPU, so that every device draws the same
        values[name] = torch.where(chosen, drawn.to(p), p.detach())
    return values
