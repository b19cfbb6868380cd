"""Bytes that are the same on all processes when they run the same method on the same model and data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.sharding import is_sharded, local_part
from untrain.data.examples import Examples, batch_of
from untrain.training.problem import Problem


def fingerprints(method: str, model: nn.Module, problem: Problem) -> dict[str, bytes]:
    """Return bytes by what they stand for: method, forget set, retain set, seed, model and mask."""
    state = [*model.parameters(), *model.buffers()]
    bits = [] if problem.mask is None else [local_part(b) for b in problem.mask.bits.values() if not is_sharded(b)]
    return {
        "method": method.encode(),
        "forget set": problem.digest.encode() + repr(problem.forget.ids.tolist()).encode(),
        "retain set": b"" if problem.retain is None else _ids_and_sample(problem.retain),
        "seed": repr((problem.seed, problem.origin, problem.head)).encode(),
        "model": b"" if any(map(is_sharded, state)) else hash_tensors(state),
        "mask": b"" if problem.mask is None else hash_tensors(bits),
    }


def _ids_and_sample(examples: Examples) -> bytes:
    """All ids, and a hash of at most 64 rows, evenly spaced: enough to tell one data set from another, in no time."""
    sample = batch_of(examples, np.arange(0, len(examples), -(-len(examples) // 64)))
    return repr(examples.ids.tolist()).encode() + hash_tensors(list(sample.fields.values()))


def hash_tensors(tensors: Sequence[Tensor]) -> bytes:
    """Hash the bits of tensors, in order."""
    sha = hashlib.sha256()
    for t in tensors:
        sha.update(t.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes() if t.numel() else b"")
    return sha.digest()
