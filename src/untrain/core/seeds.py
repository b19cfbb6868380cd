"""Seeds, and random state that is restored."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


class Unsaid(int):
    """A seed that nobody gave: a number as all others, but noise that hides something is not drawn of it."""


UNSAID = Unsaid(0)


def derive_seed(seed: int) -> int:
    """Derive another seed, the same each time, that nobody else is likely to use.

    >>> derive_seed(0) == derive_seed(0), derive_seed(0) == derive_seed(1)
    (True, False)
    """
    return int.from_bytes(hashlib.sha256(f"fresh {seed}".encode()).digest()[:4], "big") >> 1


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Seed the global random states of torch, numpy and Python within the block, and restore them afterwards.

    >>> with seeded(torch.device("cpu"), 0):
    ...     first = torch.rand(1)
    >>> with seeded(torch.device("cpu"), 0):
    ...     bool(torch.rand(1) == first)
    True
    """
    others = np.random.get_state(), random.getstate()  # noqa: NPY002
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(others[0])  # noqa: NPY002
            random.setstate(others[1])


@contextmanager
def isolated_rng(model: nn.Module, seed: int | None = None) -> Iterator[None]:
    """Restore torch's global random state after the block; seed it within when ``seed`` is given.

    >>> model = nn.Linear(1, 1)
    >>> state = torch.get_rng_state()
    >>> with isolated_rng(model, seed=0):
    ...     _ = torch.rand(1)
    >>> torch.equal(torch.get_rng_state(), state)
    True
    """
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(d for d in devices if d is not None)):
        if seed is not None:
            torch.manual_seed(seed)
        yield


def seed_of(base: int, role: str, index: int) -> int:
    """Return a seed of its own for each model; originals, oracles and methods have separate ones.

    >>> seed_of(0, "oracle", 0) == seed_of(0, "original", 0)
    False
    """
    return int.from_bytes(hashlib.sha256(f"{base}/{role}/{index}".encode()).digest()[:4], "big") >> 1
