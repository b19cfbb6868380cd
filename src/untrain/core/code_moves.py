"""Values that code reads and that change while it runs: state, which no key covers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from untrain.core.code_objects import content_of
from untrain.core.module_state import is_plain

# By id, objects that have changed in this process, with the keys that did, or None for the whole. A cache that is full now was seen
# to fill, so that its digest stays what it is in a process that begins.
_moved: dict[int, tuple[Any, frozenset[Any] | None]] = {}


def has_moved(value: Any) -> bool:
    """Return whether an object has changed while code ran that reads it."""
    return id(value) in _moved


def what_stayed(value: Any) -> dict[Any, Any]:
    """The items of a dictionary that never changed; of another object that has changed, none."""
    if not has_moved(value):
        return dict(value)
    keys = _moved[id(value)][1]
    return {} if keys is None else {key: each for key, each in value.items() if key not in keys}


class Values:
    """The values of some objects at one moment.

    >>> table = {"scale": 2.0, "calls": 0}
    >>> before = Values([table])
    >>> table["calls"] += 1
    >>> before.note_moves()
    >>> has_moved(table), what_stayed(table)
    (True, {'scale': 2.0})
    """

    def __init__(self, objects: Iterable[Any]):
        self.objects = [each for each in objects if isinstance(each, dict | list | set | deque | Tensor | np.ndarray)]
        self.before = [_shallow(each) for each in self.objects]

    def note_moves(self) -> None:
        """Note what has changed since: it is state from now on."""
        for value, before in zip(self.objects, self.before, strict=True):
            now = _shallow(value)
            if now == before:
                continue
            keys = None
            if isinstance(before, dict) and isinstance(now, dict):
                known = _moved.get(id(value), (value, frozenset()))[1] or frozenset()
                keys = known | {k for k in before.keys() | now.keys() if before.get(k, ()) != now.get(k, ())}
            _moved[id(value)] = value, keys


def _shallow(value: Any) -> Any:
    """Contents of an object itself: numbers by value, other objects by identity."""
    if isinstance(value, Mapping):
        return {key: _word(each) for key, each in list(value.items())}
    if isinstance(value, Tensor) or (isinstance(value, np.ndarray) and not value.dtype.hasobject):
        return content_of(value)
    each = value.ravel().tolist() if isinstance(value, np.ndarray) else value
    return sorted(map(_word, each)) if isinstance(value, set) else list(map(_word, each))


def _word(value: Any) -> str:
    return f"{type(value).__name__} {value!r}" if is_plain(value) else f"#{id(value)}"
