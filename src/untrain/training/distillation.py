"""Teachers: models that do not move, and the distance of a student from them."""

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
    """Loss that holds the student on the retain set: ``labels * L + teacher * KL``.

    Args:
        labels: weight of the loss against the labels (the code's gamma).
        teacher: weight of the divergence from the model before (the code's alpha).
        temperature: divides the logits before they are compared.

    Source: Kurmanji et al. 2023, arXiv 2302.09880, eq. 3.
    """

    labels: Annotated[NonNegative, SearchHint(0.1, 1.0)] = 0.99
    teacher: Annotated[NonNegative, SearchHint(1e-3, 1.0, log=True, usual=True)] = 1e-3
    temperature: Annotated[Positive, SearchHint(1, 8, log=True)] = 4.0


def teacher(model: nn.Module, who: str) -> nn.Module:
    """A copy of a model, in eval mode, that requires no gradient.

    Raises:
        BadInput: the model is sharded.
    """
    refuse_sharded(model, who)
    return deepcopy(model).eval().requires_grad_(False)


@torch.no_grad()
def outputs_of(task: Task, model: nn.Module, batch: Batch) -> Tensor:
    """Outputs of a teacher."""
    return task.forward(model, batch)
