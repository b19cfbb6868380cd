"""Torch's optimizers without torch's compiler, which they load at their first step: nearly 2 seconds of each process that trains.

They compute what torch's own do, to the bit: the same code runs without the wrappers that keep the compiler off it.
"""

from __future__ import annotations

from inspect import unwrap

import torch
from torch.optim.optimizer import Optimizer


class _Eager(Optimizer):
    """The methods that any optimizer has."""

    add_param_group = unwrap(Optimizer.add_param_group)
    zero_grad = unwrap(Optimizer.zero_grad)
    state_dict = unwrap(Optimizer.state_dict)
    load_state_dict = unwrap(Optimizer.load_state_dict)


class EagerSGD(_Eager, torch.optim.SGD):
    """Torch's SGD.

    >>> weight = torch.ones(2, requires_grad=True)
    >>> optimizer = EagerSGD([weight], lr=0.5)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> weight.tolist()
    [0.5, 0.5]
    """

    step = torch.no_grad()(unwrap(torch.optim.SGD.step))


class EagerAdamW(_Eager, torch.optim.AdamW):
    """Torch's AdamW.

    >>> weight = torch.ones(2, requires_grad=True)
    >>> optimizer = EagerAdamW([weight], lr=0.5, weight_decay=0.0)
    >>> weight.sum().backward()
    >>> optimizer.step()
    >>> [round(w, 4) for w in weight.tolist()]
    [0.5, 0.5]
    """

    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))
