"""A loss that makes a label unlikely and has a bound."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor

from untrain.core.errors import BadInput
from untrain.core.fields import NonNegative
from untrain.core.precision import HALF
from untrain.core.search_space import SearchHint
from untrain.core.spec import Spec


class BoundedAscent(Spec):
    """Loss of a forget label: ``labels * -log(1 - p_y + offset) + entropy * H(p)``.

    Args:
        labels: weight of the first term, which falls with the probability of the label.
        entropy: weight of the entropy of the prediction: above 0 towards a sure prediction of another class, below 0 away
            from any.
        offset: bounds the first term, which lies between ``-log(1 + offset)`` and ``-log(offset)``.

    Source: Hoang et al. 2023, arXiv 2312.04095, eq. 1; weights and offset of its code hnanhtuan/projected_gradient_unlearning.
    """

    labels: NonNegative = 1.0
    entropy: Annotated[float, SearchHint(-1.0, 1.0)] = 0.2
    offset: Annotated[float, SearchHint(0.01, 0.5, log=True)] = 0.05

    def __post_init__(self) -> None:
        if self.offset <= 0:
            raise BadInput(f"offset={self.offset:g} leaves the loss without a bound: it must be above 0")

    def of(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Loss of each example, (b,), from logits (b, c) and labels (b,)."""
        logits = outputs.float() if outputs.dtype in HALF else outputs
        logp = logits.log_softmax(-1)
        p = logp.exp()
        right = p.gather(1, labels[:, None])[:, 0]
        return -self.labels * (1 - right + self.offset).log() - self.entropy * (p * logp).sum(-1)
