"""Floating-point operations, by the formulas of torch's own counter."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

T = TypeVar("T")


class Counting(TorchDispatchMode):
    """Adds up the operations of what is computed within, backward passes too.

    The formulas are ``torch.utils.flop_counter``'s, so that the sum is that of ``FlopCounterMode``, which looks besides
    at which layer each operation belongs to and takes three times as long about it.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Do one operation and count it."""
        given = kwargs or {}
        formula = flop_registry.get(func._overloadpacket)
        if formula is None and func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd):
            with self:
                return func.decompose(*args, **given)
        out = func(*args, **given)
        if formula is not None:
            self.total += formula(*args, **given, out_val=out)
        return out


def count_flops(work: Callable[[], T]) -> tuple[T, int]:
    """What ``work`` returns, and the operations that it took."""
    with Counting() as counting:
        done = work()
    return done, counting.total


def cost_key(model: nn.Module, *more: Hashable) -> Hashable:
    """What the operations on one example depend on: layers, their settings, shapes, and what asks for a gradient.

    Two models of one kind take the same number of operations in the same loop. Attributes are told apart by their ``repr``;
    one that says no more than where it lies in memory makes a kind of its own.
    """
    parts = tuple((type(part), *((n, repr(v)) for n, v in vars(part).items() if not n.startswith("_"))) for part in model.modules())
    held = tuple((n, tuple(p.shape), p.requires_grad) for n, p in model.named_parameters())
    return parts, held, more
