"""Tensors that are spread over processes by rows, as ``fully_shard`` leaves a model's parameters."""

from __future__ import annotations

import torch
from torch import Tensor


def is_sharded(tensor: Tensor) -> bool:
    """Whether a tensor is spread over processes (a DTensor)."""
    return hasattr(tensor, "device_mesh")


def local_part(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor."""
    mine: Tensor = tensor.to_local() if is_sharded(tensor) else tensor  # type: ignore[attr-defined]
    return mine


def first_row(tensor: Tensor) -> int:
    """The first row that this process holds of a sharded tensor."""
    mesh = tensor.device_mesh  # type: ignore[attr-defined]
    chunk = -(-tensor.shape[0] // mesh.size())
    return int(min(mesh.get_local_rank() * chunk, tensor.shape[0]))


def shard_like(whole: Tensor, like: Tensor) -> Tensor:
    """A tensor that is whole on every process, sharded as another of its shape is."""
    if not is_sharded(like):
        return whole.to(like)
    at, mine = first_row(like), local_part(like)
    return as_shard(whole[at : at + len(mine)].to(mine.device, whole.dtype if whole.dtype == torch.bool else mine.dtype), like)


def as_shard(mine: Tensor, like: Tensor) -> Tensor:
    """The part of this process, as the part of a tensor sharded as another is."""
    from torch.distributed.tensor import DTensor

    mesh, places = like.device_mesh, like.placements  # type: ignore[attr-defined]
    made: Tensor = DTensor.from_local(mine, mesh, places, run_check=False, shape=like.shape, stride=like.stride())
    return made
