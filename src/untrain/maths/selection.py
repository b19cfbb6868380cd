"""From scores to a choice: means of the largest, whole channels by budget, elements by rank."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def top_mean(scores: Tensor, h: int) -> Tensor:
    """Mean of the ``h`` largest of each row of (c, f), ``h`` clipped to [1, f]; (c,).

    >>> top_mean(torch.tensor([[1.0, 2.0, 3.0]]), h=2)
    tensor([2.5000])
    """
    h = min(max(h, 1), scores.shape[1])
    return scores.topk(h, dim=1, sorted=False).values.mean(1) if h < scores.shape[1] else scores.mean(1)


def budget(share: float, total: int) -> int:
    """The whole number of parameters in ``share`` of ``total``, rounded down.

    A share such as 0.3, which floating point represents a hair too low, loses no parameter by that.

    >>> budget(0.3, 10)
    3
    """
    return int(share * total + 1e-9)


def whole(scores: Tensor, sizes: Tensor, room: int) -> Tensor:
    """Choose groups in order of score while they fit: stop at the first that does not. Ties go to the lower index.

    >>> whole(torch.tensor([3.0, 2.0, 1.0]), sizes=torch.tensor([2, 2, 1]), room=3)
    tensor([ True, False, False])

    Args:
        scores: (g,), larger is chosen earlier.
        sizes: number of parameters of each group, (g,).
        room: number of parameters that may be chosen.

    Returns:
        bool (g,); the sizes of the chosen sum to at most ``room``.

    Source: DEL, arXiv 2412.02432, Algorithm 1, lines 5-6.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    fits = sizes[order].cumsum(0) <= room
    chosen = torch.zeros_like(fits)
    chosen[order] = fits
    return chosen


def elements(scores: Tensor, room: int) -> Tensor:
    """Choose exactly ``room`` of (p,) with the largest scores, without sorting; ties go to the lower index.

    >>> elements(torch.tensor([1.0, 3.0, 2.0]), room=2)
    tensor([False,  True,  True])
    """
    if room <= 0 or room >= len(scores):
        return torch.full_like(scores, room > 0, dtype=torch.bool)
    last = scores.kthvalue(len(scores) - room + 1).values
    chosen = scores > last
    ties = (scores == last).nonzero().squeeze(1)
    chosen[ties[: room - int(chosen.sum())]] = True
    return chosen


def rows(weight: Tensor) -> Tensor:
    """A tensor of two or more dimensions as (channels, weights of a channel).

    The channel is the first dimension; where that is 1, as in position embeddings, the next one with more.

    >>> rows(torch.zeros(4, 2, 3, 3)).shape
    torch.Size([4, 18])
    """
    flat = weight
    while flat.ndim > 2 and flat.shape[0] == 1:
        flat = flat[0]
    return flat.reshape(flat.shape[0], flat.numel() // max(flat.shape[0], 1))


def split(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Cut (p,) into the shapes of ``like``, in order.

    >>> split(torch.arange(3), [torch.zeros(2), torch.zeros(1)])
    [tensor([0, 1]), tensor([2])]
    """
    parts = flat.split([t.numel() for t in like])  # type: ignore[no-untyped-call]
    return [part.reshape(t.shape) for part, t in zip(parts, like, strict=True)]
