"""Floating-point operations, by the formulas of torch's own counter."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

T = TypeVar("T")
Formula = Callable[[tuple[Any, ...], dict[str, Any], Any], int]


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
        _, formula, composite = _KINDS.get(id(func)) or _KINDS.setdefault(id(func), (func, *_kind(func)))
        if composite:
            with self:
                return func.decompose(*args, **named)
        out = func(*args, **named)
        if formula is not None:
            self.total += formula(args, named, out)
        return out

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return whether torch wraps operations so that none is compiled: the wrapper takes longer than most of them."""
        return False


# Whether an operation has a formula, or else is made of others, costs more to look up than small operations take; by the identity
# of the operation, which is kept beside it, since to hash one takes a call.
_KINDS: dict[int, tuple[Any, Formula | None, bool]] = {}


def _kind(func: Any) -> tuple[Formula | None, bool]:
    """The formula of an operation, and whether it is to be counted as the operations that it is made of."""
    formula = flop_registry.get(func._overloadpacket)
    if formula is None:
        return None, func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd)
    return _of_tensors(formula), False


def _of_tensors(formula: Callable[..., int]) -> Formula:
    """A formula of torch's, for the parts and the result of an operation."""
    of_shapes = getattr(formula, "__wrapped__", None)
    if of_shapes is None:  # it asks for more of the tensors than their shapes
        return lambda args, named, out: formula(*args, **named, out_val=out)

    def count(args: tuple[Any, ...], named: dict[str, Any], out: Any) -> int:
        # torch's own wrapper finds the shapes by a walk through trees of any kind, which takes longer than small operations.
        total: int = of_shapes(*map(_shape, args), out_shape=_shape(out), **{name: _shape(part) for name, part in named.items()})
        return total

    return count


def _shape(part: Any) -> Any:
    if isinstance(part, torch.Tensor):
        return part.shape
    return type(part)(map(_shape, part)) if type(part) in (list, tuple) else part


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
