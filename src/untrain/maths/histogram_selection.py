"""Selection within a budget of groups that lie on many processes: by histograms, without gathering a score."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Reduce = Callable[[Tensor], Tensor]
DIGIT = 11  # bits per histogram: 2,048 whole numbers, 16 KiB


def cut(scores: Tensor, sizes: Tensor, index: Tensor, room: int, total: int, reduce: Reduce) -> Tensor:
    """Choose groups in order of score while they fit, as ``selection.whole`` does; with sizes of 1, as ``selection.elements`` does.

    The order is by score, larger first, and then by index, smaller first: a whole number of several digits. A histogram of
    sizes over the first digit shows in which bin the budget ends; groups before it are chosen, groups behind it are not, and
    only the groups of that bin go on to the next digit. All processes see the same histograms, so they agree.

    >>> ones, index = torch.ones(3, dtype=torch.long), torch.arange(3)
    >>> cut(torch.tensor([1.0, 3.0, 2.0]), ones, index, room=2, total=3, reduce=lambda bins: bins)
    tensor([False,  True,  True])

    Args:
        scores: of this process's groups, (g,), finite float32 or narrower; there may be none.
        sizes: number of parameters of each, int64 (g,).
        index: place of each among the groups of all processes, int64 (g,), no two alike.
        room: number of parameters that may be chosen.
        total: number of groups of all processes.
        reduce: sums a tensor over the processes.

    Returns:
        bool (g,); over all processes the sizes of the chosen sum to at most ``room``.

    Source: radix selection; e.g. Alabi et al. 2012, Fast k-selection algorithms for graphics processing units.
    """
    digits = [*_digits(_descending(scores), 32), *_digits(index, max(total - 1, 1).bit_length())]
    chosen = torch.zeros_like(scores, dtype=torch.bool)
    left = torch.ones_like(chosen)
    for digit in digits:
        bins = torch.zeros(1 << DIGIT, dtype=torch.long, device=scores.device)
        bins.index_add_(0, digit[left], sizes[left])
        ends = reduce(bins).cumsum(0)
        over = int((ends <= room).sum())
        if over == len(ends):  # all that is left fits
            return chosen | left
        chosen |= left & (digit < over)
        left &= digit == over
        room -= int(ends[over - 1]) if over else 0
    return chosen


def _descending(scores: Tensor) -> Tensor:
    """Whole numbers of 32 bits, int64, that are the smaller the larger the score; equal scores give equal ones."""
    bits = (scores.float() + 0.0).view(torch.int32).long()  # adding zero makes -0 and 0 one
    ascending = torch.where(bits < 0, ~bits & 0xFFFFFFFF, bits | 0x80000000)
    return 0xFFFFFFFF - ascending


def _digits(keys: Tensor, width: int) -> list[Tensor]:
    """The digits of whole numbers of ``width`` bits, the highest first."""
    count = -(-width // DIGIT)
    return [(keys >> (DIGIT * at)) & ((1 << DIGIT) - 1) for at in reversed(range(count))]
