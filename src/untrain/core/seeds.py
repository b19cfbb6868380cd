"""Seeds, and random state that is put back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def derive_seed(seed: int) -> int:
    """Another seed, the same each time, that no one is likely to have used."""
    return int.from_bytes(hashlib.sha256(f"fresh {seed}".encode()).digest()[:4], "big") >> 1


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """torch's global random state seeded within, and afterwards as it was."""
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
        torch.manual_seed(seed)
        yield


@contextmanager
def isolated_rng(model: nn.Module, seed: int | None = None) -> Iterator[None]:
    """torch's global random state as it was afterwards; seeded within when ``seed`` is given."""
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=sorted(d for d in devices if d is not None)):
        if seed is not None:
            torch.manual_seed(seed)
        yield


def seed_of(base: int, kind: str, index: int) -> int:
    """A seed of its own for each model; those of originals, oracles and methods are drawn apart."""
    return int.from_bytes(hashlib.sha256(f"{base}/{kind}/{index}".encode()).digest()[:4], "big") >> 1
