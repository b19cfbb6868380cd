"""Wrappers of models: the module inside, and the names of weights without what wrappers put before them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from torch import nn
from torch.optim.swa_utils import AveragedModel

from untrain.core.errors import ModelError

T = TypeVar("T")
# What torch.compile, data parallelism, FSDP and activation checkpointing write into names, wherever a wrapped part stands.
PARTS = ("_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")


def unwrap(model: nn.Module) -> nn.Module:
    """Return the module inside torch.compile, DataParallel, DistributedDataParallel and AveragedModel, in any order.

    What ``Accelerator().prepare`` gives is such a module. Another one comes back as it is.

    >>> model = nn.Linear(2, 2)
    >>> unwrap(model) is model and unwrap(nn.DataParallel(nn.DataParallel(model))) is model
    True

    Raises:
        ModelError: it is wrapped in the older FullyShardedDataParallel.
    """
    while True:
        if type(model).__name__ == "FullyShardedDataParallel":
            raise ModelError("FullyShardedDataParallel flattens parameters and hides their channels: shard with fully_shard")
        if isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel | AveragedModel):
            model = model.module
        elif type(model).__name__ == "OptimizedModule":  # of torch.compile, whose module costs a second to import
            model = model.get_submodule("_orig_mod")
        else:
            return model


def make_unwrapped(make: Callable[[int], nn.Module], seed: int) -> nn.Module:
    """Make a model from a seed, and take it out of its wrappers."""
    return unwrap(make(seed))


def renamed(state: Mapping[str, T], wanted: Mapping[str, object]) -> Iterator[tuple[str, dict[str, T]]]:
    """Yield what was taken from names of weights, and the weights under the names that are left, plainest first.

    Args:
        state: weights by name.
        wanted: the model's own, by name.

    >>> [what for what, _ in renamed({"module.net.weight": 0, "module.net.bias": 0}, {"weight": 0, "bias": 0})]
    ['', 'module.', 'module.net.']
    """
    seen: list[set[str]] = []
    for taken, left in (("", dict(state)), ("names of wrappers", _without_parts(state))):
        while left.keys() not in seen:
            seen.append(set(left))
            yield taken, left
            if head := _shared(left):
                left = {name.removeprefix(head): value for name, value in left.items()}
                taken = f"{taken} and {head}" if taken.startswith("names") else taken + head
    if head := _shared(wanted):  # weights of the one part that the model consists of
        yield f"the lack of {head}", {head + name: value for name, value in state.items()}


def _without_parts(state: Mapping[str, T]) -> dict[str, T]:
    short = {".".join(part for part in name.split(".") if part not in PARTS): value for name, value in state.items()}
    return short if len(short) == len(state) else dict(state)


def _shared(names: Mapping[str, object]) -> str:
    """The first part that all names have, with its dot."""
    heads = {name.partition(".")[0] if "." in name else "" for name in names}
    return f"{heads.pop()}." if len(heads) == 1 and "" not in heads else ""
