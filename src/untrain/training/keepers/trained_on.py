"""Of which learner and of which rows a model is: what certified removals keep of both, and compare."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from untrain.data.examples import Examples
from untrain.data.fingerprint import row_hashes
from untrain.training.learners.convex import Convex
from untrain.training.learners.perturbedconvex import PerturbedConvex


def spelling(learner: Convex | PerturbedConvex) -> str:
    """All that decides what a learner makes: what it says but for the keepers.

    >>> from untrain.training.keepers.removalaccount import RemovalAccount
    >>> spelling(Convex(keepers=(RemovalAccount(),))) == spelling(Convex()), spelling(Convex()) == spelling(Convex(tuned=False))
    (True, False)
    """
    return repr(learner.without_keepers())


def sorted_hashes(examples: Examples) -> Tensor:
    """Hashes of rows in the order of their size, int64 (n,)."""
    return torch.from_numpy(np.sort(row_hashes(examples)))


def encoded(text: str) -> Tensor:
    """Text as a tensor, uint8.

    >>> decoded(encoded("Convex()"))
    'Convex()'
    """
    return torch.from_numpy(np.frombuffer(text.encode(), dtype=np.uint8).copy())


def decoded(tensor: Tensor) -> str:
    """Decode the tensor that ``encoded`` made."""
    return bytes(tensor.cpu().numpy()).decode()
