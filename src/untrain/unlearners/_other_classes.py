"""Classes other than the label."""

from __future__ import annotations

import torch
from torch import Tensor

from untrain.core.errors import RequestError


def other_classes(labels: Tensor, classes: int, who: str) -> Tensor:
    """For each label another class, drawn uniformly by torch's global generator.

    >>> other_classes(torch.tensor([0, 1, 1]), 2, "MUMis").tolist()
    [1, 0, 0]

    Raises:
        RequestError: there is no other class.
    """
    if classes < 2:
        raise RequestError(
            f"{who} takes another class for each example to forget, and the data have {classes}: two or more are needed"
        )
    return (labels + torch.randint(1, classes, labels.shape).to(labels.device)) % classes
