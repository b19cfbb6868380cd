"""Models whose parameters are sharded over processes: which are, which methods take them, and who sums what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from untrain.core.errors import BadInput
from untrain.core.sharding import is_sharded
from untrain.training.process_group import SINGLE, ProcessGroup, SingleProcess, process_group


def check_sharding(tensors: Mapping[str, Tensor]) -> bool:
    """Return whether parameters are sharded, after checking that they are so in a way that is supported.

    Raises:
        ModelError: some are and others are not, or another way than by rows over all processes of one group.
        BadInput: they are, outside ``distributed``.
    """
    sharded = any(map(is_sharded, tensors.values()))
    if sharded:
        process_group().check_layout(tensors)
    return sharded


def refuse_sharded(model: nn.Module, who: str) -> None:
    """Refuse a model of which each process holds a part.

    Raises:
        BadInput: it is sharded.
    """
    if check_sharding(dict(model.named_parameters())):
        raise BadInput(f"{who} needs whole weights, and the model is sharded over processes: take NegGrad, or do not shard it")


def shard_group(tensors: Iterable[Tensor]) -> ProcessGroup | SingleProcess:
    """Return the processes over which a sum over parameters has to be summed: all where shards are, this one otherwise."""
    return process_group() if any(map(is_sharded, tensors)) else SINGLE


def replica_group(tensors: Iterable[Tensor]) -> ProcessGroup | SingleProcess:
    """Return the processes over which gradients have to be summed: ``fully_shard`` has summed those of shards already."""
    return SINGLE if any(map(is_sharded, tensors)) else process_group()
