"""Tensors that are sharded over processes by rows, as ``fully_shard`` leaves a model's parameters."""

from __future__ import annotations

import torch
from torch import Tensor


def is_sharded(tensor: Tensor) -> bool:
    """Return whether a tensor is sharded over processes (a DTensor)."""
    return hasattr(tensor, "device_mesh")


def local_part(tensor: Tensor) -> Tensor:
    """Return the part of a tensor on this process."""
    mine: Tensor = tensor.to_local() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]
    return mine


def first_row(tensor: Tensor) -> int:
    """Return the first row of a sharded tensor on this process."""
    mesh = tensor.device_mesh  # type: ignore[attr-defined]
    chunk = -(-tensor.shape[0] // mesh.size())
    return int(min(mesh.get_local_rank() * chunk, tensor.shape[0]))


def shard_like(whole: Tensor, like: Tensor) -> Tensor:
    """Shard a tensor that is whole on every process like another of its shape."""
    if not is_sharded(like):
        return whole.to(like)
    at, mine = first_row(like), local_part(like)
    return as_shard(whole[at : at + len(mine)].to(mine.device, whole.dtype if whole.dtype == torch.bool else mine.dtype), like)


def as_shard(mine: Tensor, like: Tensor) -> Tensor:
    """Make a sharded tensor of this process's part, like another."""
    from torch.distributed.tensor import DTensor

    mesh, places = like.device_mesh, like.placements  # type: ignore[attr-defined]
    tensor: Tensor = DTensor.from_local(mine, mesh, places, run_check=False, shape=like.shape, stride=like.stride())
    return tensor
