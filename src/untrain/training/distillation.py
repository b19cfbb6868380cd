"""Teachers: models that do not move, the distance of a student from them, and how such losses are weighed."""

from __future__ import annotations

from copy import deepcopy
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from untrain.core.fields import Count, NonNegative, Positive
from untrain.core.search_space import SearchHint
from untrain.core.spec import Spec
from untrain.data.examples import Batch
from untrain.models.tasks.base import Task
from untrain.training.sharded_model import refuse_sharded


class Pull(Spec):
    """Loss of the student on the retain set: ``labels * L + teacher * KL``.

    Args:
        labels: weight of the loss against the labels (the code's gamma).
        teacher: weight of the divergence from the model before (the code's alpha).
        temperature: divides the logits before they are compared.

    Source: Kurmanji et al. 2023, arXiv 2302.09880, eq. 3.
    """

    labels: Annotated[NonNegative, SearchHint(0.1, 1.0)] = 0.99
    teacher: Annotated[NonNegative, SearchHint(1e-3, 1.0, log=True, usual=True)] = 1e-3
    temperature: Annotated[Positive, SearchHint(1, 8, log=True)] = 4.0


class MetricLoss(Spec):
    """``distance * D(forget) + labels * L(retain)``, where D is the mean cosine distance to the nearest wrong centroid.

    Args:
        distance: weight of the distances of the forget batch (the code's lambda_1).
        labels: weight of the loss on the retain batch (the code's lambda_2).
        temperature: divides the logits of the retain batch.

    Source: Cotogni et al. 2023, arXiv 2312.02052; values of the code's command line.
    """

    distance: Annotated[NonNegative, SearchHint(0.1, 2.0, usual=True)] = 1.0
    labels: Annotated[NonNegative, SearchHint(0.5, 2.0, usual=True)] = 1.4
    temperature: Annotated[Positive, SearchHint(1, 8, log=True)] = 2.0


class Bookkeeping(Spec):
    """DUCK's targets and counts: as in the paper, or as in its code.

    Args:
        targets: 'once' gives each example, before training, the nearest class that is not its own; 'first_epoch' lets it follow the
            example through the first epoch; 'official' does too, but compares the place of a centroid with a label where classes
            were removed, and from the second epoch on takes for batch n the targets of the n-th step of the first epoch.
        centroids: retain batches whose mean head inputs are the centroids; None takes all retain examples.
        updates: per forget batch: 'ratio' makes as many as that, 'official' one more, with retain batches from the start of a new
            pass for each forget batch, and shows the model one more pair that moves batch statistics alone.
        forward: forget and retain batch go through the network in a 'joint' pass, or in 'separate' passes, forget first.

    Source: code OcraM17/DUCK@0961e3a, src/Unlearning_methods.py (with 50 batches; 10 in its version 89abac8).
    """

    targets: Literal["once", "first_epoch", "official"] = "once"
    centroids: Count | None = None
    updates: Literal["ratio", "official"] = "ratio"
    forward: Literal["joint", "separate"] = "joint"


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
