"""Parts of live objects: what functions read and assign to, what modules hold, and words for constants and arrays."""

from __future__ import annotations

import dis
import functools
import hashlib
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def parts_of(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """What a module holds by name; hooks, which are numbered by how many there were before in the process, as a list."""
    for name, part in vars(module).items():
        if name == "_modules":
            yield name, [each for pair in part.items() for each in pair]
        else:
            yield name, list(part.values()) if "_hooks" in name and isinstance(part, dict) else part


def outer_of(function: types.FunctionType) -> dict[str, Any]:
    """Variables of outer functions that a function reads, by name."""
    outer = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            outer[name] = cell.cell_contents
        except ValueError:  # not yet set
            continue
    return outer


@functools.lru_cache(maxsize=1024)
def written_by(code: types.CodeType) -> frozenset[str]:
    """Globals and outer variables that a function, or one within, assigns to: state, and no constants."""
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    stores = (s for s in dis.get_instructions(code) if s.opname in ("STORE_GLOBAL", "STORE_DEREF", "DELETE_GLOBAL"))
    own = {str(s.argval) for s in stores if s.opname != "STORE_DEREF" or s.argval in code.co_freevars}
    return frozenset(own.union(*(n - frozenset(code.co_cellvars) for n in map(written_by, inner))))


def constant(value: Any) -> str:
    """A word for a constant of code; the order of a set is by hash seed."""
    if isinstance(value, tuple):
        return f"({', '.join(map(constant, value))})"
    if isinstance(value, frozenset):
        return f"{{{', '.join(sorted(map(constant, value)))}}}"
    return f"{type(value).__name__} {value!r}"


def content_of(value: Any) -> str:
    """A word for a tensor or an array by its digits."""
    if isinstance(value, Tensor):
        kind = f"{value.dtype} {tuple(value.shape)}"
        if value.is_meta or value.layout is not torch.strided:
            return f"{kind} {value.layout}"
        bits = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        return f"{kind} {hashlib.sha256(bits.tobytes()).hexdigest()}"
    array = np.asarray(value)
    content = repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array).tobytes()
    return f"{array.dtype} {array.shape} {hashlib.sha256(content).hexdigest()}"
