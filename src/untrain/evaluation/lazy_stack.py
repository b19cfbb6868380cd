"""Arrays of several models that are read one at a time, where they are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class LazyStack(NDArrayOperatorsMixin):
    """The result of ``np.stack`` on the models' arrays, (m, n, ...), without holding it: a model's array is read on access.

    Iterating reads one model at a time. Some of the models, or some of the examples of all, are a stack again, and nothing is read.
    Whatever else an array can do, from ``np.asarray`` to arithmetic, is done by the whole array, which is read for it.

    >>> stack = LazyStack.of([lambda: np.arange(3.0), lambda: np.ones(3)])
    >>> stack.shape, [float(row.sum()) for row in stack[:, 1:]]
    ((2, 3), [3.0, 2.0])

    Args:
        readers: of each model, what reads its array (n, ...).
        row_shape: shape of the array of one model.
        dtype: of the arrays.
        examples: which examples are taken of each array, int64; None for all.
    """

    readers: tuple[Callable[[], Array], ...]
    row_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    examples: Array | None = None

    @staticmethod
    def of(readers: Sequence[Callable[[], Array]]) -> LazyStack:
        """Stack what is read, as the first of at least one reader says what the others give."""
        first = readers[0]()
        return LazyStack(tuple(readers), first.shape, first.dtype)

    @staticmethod
    def over(models: Array | LazyStack) -> LazyStack:
        """A stack of what there is of several models, (m, n, ...)."""
        return (
            models
            if isinstance(models, LazyStack)
            else LazyStack.of([partial(models.__getitem__, at) for at in range(len(models))])
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Models, examples and what an example has, (m, n, ...)."""
        return (len(self.readers), *self.row_shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.readers)

    def __iter__(self) -> Iterator[Array]:
        return (self._read(at) for at in range(len(self)))

    def __getitem__(self, key: Any) -> Any:
        """The array of a model, or a stack of some models or some examples."""
        if isinstance(key, int | np.integer):
            return self._read(int(key))
        if _lists_places(key):
            return replace(self, readers=tuple(self.readers[at] for at in np.arange(len(self))[key]))
        if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], slice) and _lists_places(key[1]):
            chosen = (np.arange(self.row_shape[0]) if self.examples is None else self.examples)[key[1]]
            return replace(self[key[0]], examples=chosen, row_shape=(len(chosen), *self.row_shape[1:]))
        return np.asarray(self)[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All of it, read."""
        whole = np.empty(self.shape, self.dtype)
        for row, read in zip(whole, self, strict=True):
            row[...] = read
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(target, LazyStack) for target in options.get("out", ())):
            return NotImplemented  # a stack is read and never written to
        return getattr(ufunc, method)(*(np.asarray(i) if isinstance(i, LazyStack) else i for i in inputs), **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(np.ndarray, name):
            raise AttributeError(f"neither a stack nor an array has {name!r}")
        return getattr(np.asarray(self), name)

    def map(self, function: Callable[[Array], Array]) -> LazyStack:
        """A stack of what a function makes of each model's array, each time it is read."""

        def read(at: int) -> Array:
            return function(self._read(at))

        return LazyStack.of([partial(read, at) for at in range(len(self))])

    def _read(self, at: int) -> Array:
        array = self.readers[at]()
        return array if self.examples is None else array[self.examples]


def _lists_places(key: Any) -> bool:
    """Return whether a key takes some places along one axis."""
    return isinstance(key, slice) or (isinstance(key, list | np.ndarray) and np.ndim(key) == 1)


def held_up_to(limit: int, stack: LazyStack) -> Array:
    """The whole array where it takes at most ``limit`` bytes, which is faster, or else the stack.

    The type is that of an array for whoever asks for models one by one or takes some of them, which both can do.
    """
    size = int(np.prod(stack.shape)) * stack.dtype.itemsize
    return np.asarray(stack) if size <= limit else cast(Array, stack)


def joined(ours: Array, theirs: Array) -> Array:
    """The models of two populations, one after the other, (m + k, n, ...); a stack where one of them is a stack."""
    if not isinstance(ours, LazyStack) and not isinstance(theirs, LazyStack):
        return np.concatenate([ours, theirs])
    parts = [LazyStack.over(models) for models in (ours, theirs)]
    return cast(Array, LazyStack.of([partial(part.__getitem__, at) for part in parts for at in range(len(part))]))
