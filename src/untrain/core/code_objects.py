"""Parts of live objects: what functions read and assign to, what modules hold, and words for constants and arrays."""

from __future__ import annotations

import dis
import functools
import hashlib
import inspect
import re
import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.errors import DataError
from untrain.core.libraries import is_library
from untrain.core.module_state import states_of_class

# What a class holds that is not behaviour, or differs by where and how often it was made.
NO_BEHAVIOUR = frozenset((
    "__doc__", "__module__", "__qualname__", "__dict__", "__weakref__", "__annotations__", "__annotate__", "__annotations_cache__",
    "__abstractmethods__", "_abc_impl", "__firstlineno__", "__static_attributes__", "__match_args__", "__signature__",
    "__slotnames__",  # which pickling leaves behind
))  # fmt: skip


def parts_of(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Contents of a module by name; hooks, which are numbered by how many there were before in the process, as a list."""
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
    """A word for a tensor or an array of numbers by its digits.

    Raises:
        DataError: its digits cannot be read.
    """
    if isinstance(value, Tensor):
        if value.is_meta:
            return f"{value.dtype} {tuple(value.shape)} meta"
        parts = _dense_parts(value.detach().cpu())
        return f"{value.dtype} {tuple(value.shape)} {value.layout} {' '.join(map(_digits, parts))}"
    if isinstance(value, np.ma.MaskedArray):
        return " ".join(content_of(each) for each in (value.data, np.ma.getmaskarray(value), np.asarray(value.fill_value)))
    array = np.asarray(value)
    return f"{array.dtype} {array.shape} {hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()}"


def _dense_parts(value: Tensor) -> tuple[Tensor, ...]:
    """Tensors without layout that make up one of any layout."""
    parts: dict[torch.layout, tuple[str, ...]] = {
        torch.strided: (), torch.sparse_coo: ("indices", "values"), torch.sparse_csr: ("crow_indices", "col_indices", "values"),
        torch.sparse_csc: ("ccol_indices", "row_indices", "values"), torch.sparse_bsr: ("crow_indices", "col_indices", "values"),
        torch.sparse_bsc: ("ccol_indices", "row_indices", "values"),
    }  # fmt: skip
    if value.is_quantized or value.is_nested or value.layout not in parts:
        kind = "quantized" if value.is_quantized else "nested" if value.is_nested else str(value.layout)
        raise DataError(f"code of yours reads a {kind} tensor, of which no key can be made: keep it as a plain or a sparse one")
    whole = value.coalesce() if value.layout is torch.sparse_coo else value
    return tuple(getattr(whole, name)() for name in parts[value.layout]) or (whole,)


def _digits(value: Tensor) -> str:
    bits = value.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy()
    return f"{value.dtype} {tuple(value.shape)} {hashlib.sha256(bits.tobytes()).hexdigest()}"


def scripted(value: Any) -> Iterator[str]:
    """Words for what ``torch.jit`` compiled: the graph of each of its methods, without places in files, and what these read."""
    graphs: list[Any] = [value.inlined_graph] if isinstance(value, torch.jit.ScriptFunction) else []
    texts = list(map(str, graphs))
    if isinstance(value, torch.jit.ScriptModule):
        graphs = [value._c._get_method(name).inlined_graph for name in value._c._method_names()]
        texts = [*map(str, graphs), value._c.dump_to_str(False, True, False)]  # the latter has the attributes that are no tensors
        yield from (f"{name} {content_of(tensor)}" for name, tensor in value.state_dict().items())
    for text in texts:
        plain = re.sub(r"\s+# \S+:\d+:\d+$", "", text, flags=re.MULTILINE)
        yield re.sub(r"___torch_mangle_\d+\.?", "", plain)
    for graph in graphs:
        for node in graph.findAllNodes("prim::Constant", True):
            if node.hasAttribute("value") and node.kindOf("value") == "t":
                yield content_of(node.t("value"))


def reduced(value: Any) -> Any:
    """The state of an object that pickle would write; its attributes are the same dictionary each time, and no copy."""
    parts, names = value.__reduce_ex__(4), getattr(value, "__dict__", {})

    def is_copy(part: Any) -> bool:
        return type(part) is dict and part.keys() == names.keys() and all(part[n] is each for n, each in names.items())

    return parts if isinstance(parts, str) else tuple(names if is_copy(part) else part for part in parts)


def behaviour_of(cls: type) -> Iterator[tuple[str, Any]]:
    """The behaviour that a class holds, by name."""
    counters = states_of_class(cls)
    for name, part in sorted(vars(cls).items()):
        slot = inspect.isgetsetdescriptor(part) or inspect.ismemberdescriptor(part)
        if name not in NO_BEHAVIOUR and not name.startswith(("__pydantic", "__dataclass")) and name not in counters and not slot:
            yield name, part


def added_to(value: Any) -> Iterator[tuple[str, Any]]:
    """Attributes that users added to an object, such as a weight to a tensor; libraries keep files and views."""
    names, module = getattr(value, "__dict__", {}), type(value).__module__
    theirs = is_library(module) and not isinstance(value, Tensor) and not module.startswith("functools")
    return ((n, v) for n, v in names.items() if n == "__wrapped__" or not (theirs or n.startswith("__")))
