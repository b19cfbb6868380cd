"""Losses that make a model give scored tokens, or classes, less weight than it does."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

Granularity = Literal["token", "sequence", "batch"]


def mean_over(values: Tensor, scored: Tensor) -> Tensor:
    """Mean over the scored places of each example, (b,); 0 where none is scored.

    >>> mean_over(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[True, True, False]])).tolist()
    [2.0]

    Args:
        values: (b, t).
        scored: bool (b, t).
    """
    return torch.where(scored, values, 0.0).sum(1) / scored.sum(1).clamp(min=1)


def negative_preference(now: Tensor, before: Tensor, scored: Tensor, beta: float, granularity: Granularity) -> Tensor:
    """Mean of ``(2 / beta) log(1 + (p / p_before) ** beta)``, p being the probability of a token, a sequence or a mean of a batch.

    >>> half, most = torch.tensor([[0.5]]), torch.tensor([[0.8]])  # probabilities of a single token, now and before
    >>> round(negative_preference(-half.log(), -most.log(), torch.tensor([[True]]), 1.0, "sequence").item(), 6)
    0.971016

    Args:
        now: losses of the scored places in nats, (b, t).
        before: those of the model before, (b, t).
        scored: bool (b, t).
        beta: how soon the pull fades; as it goes to 0 the gradient becomes that of ascent.
        granularity: 'token' takes each scored token, then means over a sequence and over sequences; 'sequence' the product of
            a sequence's probabilities; 'batch' the geometric mean of all scored tokens of the batch.

    Source: Zhang et al. 2024, arXiv 2404.05868, eq. 3 ('sequence'); 'token' and 'batch' are what README and code of RESTOR,
        arXiv 2411.00204, have.
    """
    difference = torch.where(scored, before - now, 0.0)  # log(p / p_before)
    if granularity == "token":
        return 2 / beta * mean_over(F.softplus(beta * difference), scored).mean()
    joint = difference.sum(1) if granularity == "sequence" else difference.sum() / scored.sum().clamp(min=1)
    return 2 / beta * F.softplus(beta * joint).mean()


def simple_preference(losses: Tensor, beta: float, delta: float) -> Tensor:
    """``-(2 / beta) log sigmoid(beta (L - delta))`` of mean losses L per example, (b,).

    >>> round(simple_preference(torch.tensor([0.5]).log().neg(), 4.5, 0.0).item(), 5)
    0.01922

    Args:
        losses: mean over the scored places of each example, in nats, (b,).
        beta: how soon the pull fades.
        delta: loss in nats below which an example is pulled most.

    Source: Fan et al. 2024, arXiv 2410.07163 (SimNPO).
    """
    return 2 / beta * F.softplus(-beta * (losses - delta))


def preference_over(preferred: Tensor, other: Tensor, beta: float) -> Tensor:
    """``-(2 / beta) log sigmoid(beta (other - preferred))`` of what each answer's loss has above that before, (b,).

    >>> gains = torch.tensor([2.0]) - 1.0, torch.tensor([3.0]) - 4.0  # summed losses, now and before
    >>> round(preference_over(*gains, 0.1).item(), 4)
    15.9628

    Args:
        preferred: loss of the preferred answer, summed over its tokens, less that of the model before, (b,).
        other: the same of the answer that is to be said less, (b,).
        beta: how soon the pull fades.

    Source: Rafailov et al. 2023, arXiv 2305.18290, eq. 7 (DPO); the factor 2, as of NPO, is of the code
        locuslab/open-unlearning@d3d7cf9.
    """
    return 2 / beta * F.softplus(-beta * (other - preferred))


def weighted_ascent(losses: Tensor, sure: float, unsure: float = 0.0) -> Tensor:
    """``-p ** sure * (1 - p) ** unsure * loss`` of each place, the weight without a gradient, (b, t).

    >>> round(weighted_ascent(torch.tensor([[0.5]]).log().neg(), 1.0).item(), 6)
    -0.346574

    Args:
        losses: in nats, (b, t).
        sure: power of a target's probability p.
        unsure: power of ``1 - p``.

    Source: Wang et al. 2025, arXiv 2502.19301 (WGA: ``unsure=0``); Yang et al. 2025, arXiv 2505.11953 (SatImp).
    """
    p = losses.detach().neg().exp()
    return -(p**sure) * (1 - p) ** unsure * losses


def without_target(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy against the model's own distribution over all outputs but the target, which has no gradient, (b, t).

    Its gradient in the logits is p_y at the target and ``-p_v p_y / (1 - p_y)`` elsewhere.

    >>> p = torch.tensor([[[0.5, 0.3, 0.2]]])
    >>> round(without_target(p.log(), torch.tensor([[0]])).item(), 5)
    1.36616

    Args:
        logits: (b, t, v), of two outputs or more.
        targets: (b, t).

    Source: Yang 2025 (CE-U: cross-entropy unlearning), arXiv 2503.01224.
    """
    others = logits.detach().scatter(-1, targets[..., None], -torch.inf).softmax(-1)
    return -(others * logits.log_softmax(-1)).sum(-1)


def lowered_target(logits: Tensor, before: Tensor, targets: Tensor, beta: float) -> Tensor:
    """Cross-entropy against the distribution before with the target's logit lowered by ``beta``, (b, t).

    >>> p, q = torch.tensor([[[0.5, 0.3, 0.2]]]), torch.tensor([[[0.8, 0.1, 0.1]]])
    >>> round(lowered_target(p.log(), q.log(), torch.tensor([[0]]), 10.0).item(), 5)
    1.40658

    Args:
        logits: (b, t, v).
        before: of the model before, (b, t, v).
        targets: (b, t).
        beta: by how much the logit is lowered.

    Source: Dong et al. 2024, arXiv 2402.10052 (UNDIAL).
    """
    wanted = before.scatter_add(-1, targets[..., None], torch.full_like(before[..., :1], -beta)).softmax(-1)
    return -(wanted * logits.log_softmax(-1)).sum(-1)


def divergence_from(logits: Tensor, before: Tensor) -> Tensor:
    """``KL(p || p_before)`` of each place in nats, (b, t).

    >>> p, q = torch.tensor([[[0.5, 0.3, 0.2]]]), torch.tensor([[[0.8, 0.1, 0.1]]])
    >>> round(divergence_from(p.log(), q.log()).item(), 6)
    0.233211
    """
    now, then = logits.log_softmax(-1), before.log_softmax(-1)
    return (now.exp() * (now - then)).sum(-1)


def cross_entropy_from(logits: Tensor, before: Tensor) -> Tensor:
    """``-sum_v p_v log(p_before_v + 1e-12)`` of each place in nats, which is ``KL(p || p_before)`` and p's entropy, (b, t).

    >>> p, q = torch.tensor([[[0.5, 0.3, 0.2]]]), torch.tensor([[[0.8, 0.1, 0.1]]])
    >>> round(cross_entropy_from(p.log(), q.log()).item(), 6)
    1.262864

    Source: code of RESTOR, arXiv 2411.00204, where it stands for the divergence.
    """
    floor = torch.full_like(before, math.log(1e-12))  # in half precision 1e-12 is 0, and its logarithm is not
    return -(logits.softmax(-1) * torch.logaddexp(before.log_softmax(-1), floor)).sum(-1)


def peakedness(logits: Tensor) -> Tensor:
    """Squared distance of the largest logit from the mean one, (b, t): 0 where all are alike.

    >>> round(peakedness(torch.tensor([[[0.5, 0.3, 0.2]]]).log()).item(), 6)
    0.226296

    Source: Entesari et al. 2025, arXiv 2506.05314 (PDU).
    """
    return (logits.amax(-1) - logits.mean(-1)).square()
