"""Fingerprints of data: what makes a mask, a model and a result belong together."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.data.on_disk import OnDisk, pieces


def fingerprint(ids: np.ndarray[Any, Any], x: Tensor | OnDisk | None = None) -> str:
    """Sixteen hexadecimal digits of the ids and, when given, the inputs, whatever their order."""
    rows = [hashlib.sha256(repr(i).encode()).digest() for i in ids.tolist()]
    if x is not None:
        inputs = (row for piece in pieces(x) for row in piece)
        rows = [hashlib.sha256(a + b.tobytes()).digest() for a, b in zip(rows, inputs, strict=True)]
    return hashlib.sha256(b"".join(sorted(rows))).hexdigest()[:16]


def array_digest(*arrays: np.ndarray[Any, Any] | Tensor | OnDisk) -> str:
    """Sixty-four hexadecimal digits of arrays: shapes, types and bytes, in order; a tensor's are those of its array."""
    sha = hashlib.sha256()
    for given in arrays:
        array = given.astype(str) if isinstance(given, np.ndarray) and given.dtype == object else given
        kind = array.dtype if isinstance(array, np.ndarray) else str(array.dtype).removeprefix("torch.")
        sha.update(f"{tuple(array.shape)}{kind}".encode())
        for piece in pieces(array) if array.ndim else (np.asarray(array),):
            sha.update(piece.tobytes())
    return sha.hexdigest()


def arrays(model: nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    """All that a model holds, by name; bfloat16, which NumPy lacks, as float32, which holds each of its values exactly."""
    found = {n: t.detach().cpu() for n, t in model.state_dict().items()}
    return {n: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for n, t in found.items()}


def salted(seed: int) -> int:
    """Another seed, the same each time, that no one is likely to have used."""
    return int.from_bytes(hashlib.sha256(f"fresh {seed}".encode()).digest()[:4], "big") >> 1
