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
    """Adds up the operations of computations within, backward passes too.

    The formulas are ``torch.utils.flop_counter``'s, so that the sum is that of ``FlopCounterMode``, which also
    attributes each operation to its layer and takes three times as long.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Do one operation and count it."""
        named = kwargs or {}
        formula, composite = _KINDS.get(func) or _KINDS.setdefault(func, _kind(func))
        if composite:
            with self:
                return func.decompose(*args, **named)
        out = func(*args, **named)
        if formula is not None:
            self.total += formula(*args, **named, out_val=out)
        return out


# Whether an operation has a formula, or else is made of others, costs more to look up than small operations take.
_KINDS: dict[Any, tuple[Any, bool]] = {}


def _kind(func: Any) -> tuple[Any, bool]:
    """The formula of an operation, and whether it is to be counted as the operations that it is made of."""
    formula = flop_registry.get(func._overloadpacket)
    return formula, formula is None and func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd)


def count_flops(work: Callable[[], T]) -> tuple[T, int]:
    """Return the result of ``work`` and the operations that it took.

    >>> product, flops = count_flops(lambda: torch.ones(2, 3) @ torch.ones(3, 4))
    >>> flops  # a multiplication and an addition for each of 2 x 3 x 4
    48
    """
    with Counting() as counting:
        done = work()
    return done, counting.total


def cost_key(model: nn.Module, *more: Hashable) -> Hashable:
    """Return all that the operations on one example depend on: layers, their settings, shapes, and which gradients are needed.

    Two models with equal keys take the same number of operations in the same loop. The ``repr`` of attributes
    distinguishes them; one that shows only an address in memory makes a key of its own.
    """
    parts = tuple((type(part), *((n, repr(v)) for n, v in vars(part).items() if not n.startswith("_"))) for part in model.modules())
    shapes = tuple((n, tuple(p.shape), p.requires_grad) for n, p in model.named_parameters())
    return parts, shapes, more
