"""Noise on the weights that matter little to the retain set."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from torch import Tensor, nn

from untrain.core.fields import Count, Positive, Share
from untrain.core.search_space import SearchHint
from untrain.training.fisher_information import fisher
from untrain.training.gradients import movable, put
from untrain.training.problem import Problem
from untrain.unlearners.base import Unlearner

LEAST = 1e-8  # added to the Fisher information, as in the authors' code


class FisherNoise(Unlearner):
    """Add noise of variance ``alpha / F(retain) ** power`` to each weight, where F is the diagonal Fisher information.

    Batch-norm buffers stay as they are.

    Args:
        alpha: scale of the variance.
        power: 1 as in the authors' code; 0.5 is the paper's, whose noise has the standard deviation F ** (-1/4).
        most: largest 1 / F that counts; otherwise weights on which the retain set does not depend would get noise without bound.
        level: whether a weight gets the mean variance of those that differ from it in the input channel alone, and the
            classifier head and one-dimensional weights (biases, norms) ten times as much, as in the authors' code.
        samples: retain examples, drawn at random, on which F is estimated; each takes a backward pass per class.

    Source: Golatkar, Achille and Soatto 2020, arXiv 1911.04933, eq. 8; code AdityaGolatkar/SelectiveForgetting.
    Departs: F is of a sample where the code takes the whole retain set, which costs as many backward passes as examples
        times classes; ``most`` is one for all layers where the code has a tenth of it for the head; when a whole class is
        forgotten the code also sets that class's row of the head to noise about 0, which is left out.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"retain", "fisher"})

    alpha: Annotated[Positive, SearchHint(1e-9, 1e-4, log=True)] = 1e-6
    power: Annotated[Share, SearchHint(0.5, 1.0, asked=True)] = 1.0
    most: Annotated[Positive, SearchHint(10, 1e5, log=True, asked=True)] = 1e3
    level: bool = True
    samples: Annotated[Count, SearchHint(100, 10_000, log=True, asked=True)] = 500

    def unlearn(self, model: nn.Module, problem: Problem) -> nn.Module:
        """The model with noise."""
        params = movable(model, problem.trainable)
        rows = torch.randperm(len(problem.rest))[: self.samples].numpy()
        fishers = fisher(model, problem.task, problem.rest, rows, params)
        head = problem.task.head(model) if self.level else ()
        noisy = {}
        for (name, p), information in zip(params.items(), fishers, strict=True):
            variance = self.alpha * (1 / (information + LEAST)).clamp(max=self.most) ** self.power
            if self.level:
                variance = levelled(variance, often=name in head or p.ndim < 2)
            # Drawn on the CPU, so that every device adds the same.
            noisy[name] = p.detach() + variance.sqrt() * torch.randn(p.shape).to(variance)
        put(model, noisy, problem.trainable)
        return model


def levelled(variance: Tensor, often: bool) -> Tensor:
    """Replace each variance by the mean over the second dimension, where there is one; ten times it if ``often``.

    >>> levelled(torch.tensor([[1.0, 3.0]]), often=False)
    tensor([[2., 2.]])
    """
    even = variance.mean(1, keepdim=True).expand_as(variance) if variance.ndim > 1 else variance
    return even * 10 if often else even
