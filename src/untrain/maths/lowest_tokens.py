"""The least likely tokens of a text, which give away a text that was trained on."""

from __future__ import annotations

import torch
from torch import Tensor

SHARE = 0.2


def lowest_mean(values: Tensor, scored: Tensor, share: float = SHARE) -> Tensor:
    """Mean of the lowest share of the scored values of each row, one value at least, (b,).

    >>> values = torch.tensor([[-1.0, -5.0, -2.0, -3.0, -9.0]])
    >>> lowest_mean(values, torch.tensor([[True, True, True, True, False]]), 0.5).tolist()
    [-4.0]

    Args:
        values: log-probabilities of tokens, or these standardised, (b, t).
        scored: bool (b, t), one or more in each row.
        share: of the scored tokens.

    Source: Shi et al. 2024, arXiv 2310.16789 (min-k %); share of 20 % as there.
    """
    ordered = torch.where(scored, values, torch.inf).sort(1).values
    count = (share * scored.sum(1)).floor().clamp(min=1)
    taken = torch.arange(values.shape[1], device=values.device) < count[:, None]
    return torch.where(taken, ordered, 0.0).sum(1) / count


def standardised(every: Tensor, log_p: Tensor) -> Tensor:
    """Log-probabilities of tokens less their mean over the vocabulary, over its standard deviation, (...).

    Mean and deviation are by the model's own probabilities, so that a likely token of a sure place is not taken for a known one.

    >>> p = torch.tensor([[[0.5, 0.3, 0.2]]])
    >>> [round(standardised(p.log(), p[..., at].log()).item(), 4) for at in range(3)]
    [0.9228, -0.4781, -1.59]

    Args:
        every: log-probabilities of all tokens, (..., v).
        log_p: of the tokens that stand there, (...).

    Source: Zhang et al. 2024, arXiv 2404.02936 (min-k %++).
    """
    x = every.to(torch.promote_types(every.dtype, torch.float32))  # half precision loses a small deviation beside a large mean
    p = x.exp()
    mean = (p * x).sum(-1)
    variance = (p * (x - mean[..., None]).square()).sum(-1)
    return ((log_p - mean) / variance.clamp(min=1e-12).sqrt()).to(log_p)
