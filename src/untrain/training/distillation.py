"""Models that are asked and do not move, and how far another one is from them."""

from __future__ import annotations

from copy import deepcopy
from typing import Annotated

import torch
from torch import Tensor, nn

from untrain.core.fields import NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.core.spec import Spec
from untrain.data.examples import Batch
from untrain.models.tasks.base import Task
from untrain.training.sharded_model import refuse_sharded


class Pull(Spec):
    """What holds the student on the retain set: ``labels * L + teacher * KL``.

    Args:
        labels: weight of the loss against the labels (the code's gamma).
        teacher: weight of the divergence from the model before (the code's alpha).
        temperature: by which answers are divided before they are compared.

    Source: Kurmanji et al. 2023, arXiv 2302.09880, eq. 3.
    """

    labels: Annotated[NonNegative, SearchHint(0.1, 1.0)] = 0.99
    teacher: Annotated[NonNegative, SearchHint(1e-3, 1.0, log=True, usual=True)] = 1e-3
    temperature: Annotated[Positive, SearchHint(1, 8, log=True)] = 4.0


def teacher(model: nn.Module, who: str) -> nn.Module:
    """A copy of a model, in eval mode, that asks for no gradient.

    Raises:
        BadInput: the model is sharded.
    """
    refuse_sharded(model, who)
    return deepcopy(model).eval().requires_grad_(False)


@torch.no_grad()
def taught(task: Task, model: nn.Module, batch: Batch, temperature: float) -> Tensor:
    """Log-probabilities that a teacher gives, (b, c)."""
    return (task.logits(model, batch) / temperature).log_softmax(1)


def distance(logits: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """``temperature ** 2 * KL(wanted || student)`` of each example in nats, (b,).

    Args:
        logits: the student's answers, (b, c).
        wanted: the teacher's log-probabilities at that temperature, (b, c).
        temperature: by which answers are divided.

    Source: Hinton, Vinyals and Dean 2015, arXiv 1503.02531, section 2.1.
    """
    given = (logits / temperature).log_softmax(1)
    return temperature**2 * (wanted.exp() * (wanted - given)).sum(1)
