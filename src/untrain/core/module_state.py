"""Plain values of a module: constants, and state that its own functions move.

A name that a function of its module reads and then sets, such as a counter, a cache or a flag, is state: it may move, and no key
covers it. Every other plain value of a module that is not a library is a constant: keys cover it, foreign code that changes it is
named, and it is put back; one that its own module computes, such as the last loss, is put back without a word.
"""

from __future__ import annotations

import dis
import sys
import types
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

PLAIN = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), type(NotImplemented))


def is_plain(value: Any) -> bool:
    """Return whether a value is a number, a text, nothing, or a tuple of such.

    >>> is_plain((1, "a", None)), is_plain([1])
    (True, False)
    """
    return type(value) in PLAIN or (type(value) is tuple and all(map(is_plain, value)))


def states(space: Mapping[str, Any]) -> frozenset[str]:
    """Names of a module's namespace that are its state.

    >>> space = {}
    >>> exec("def count():\\n    global calls\\n    calls += 1\\ndef choose(by):\\n    global scale\\n    scale = by", space)
    >>> sorted(states(space)), sorted(computed(space))
    (['calls'], ['calls'])
    """
    return frozenset[str]().union(*(_assigned(code)[0] for code in _codes(space)))


def computed(space: Mapping[str, Any]) -> frozenset[str]:
    """Names of a module's namespace that its own functions set to what they compute, state included."""
    return frozenset[str]().union(*(_assigned(code)[1] for code in _codes(space)))


def states_of_class(cls: type) -> frozenset[str]:
    """Names of a class that functions of its module count up on the class itself, such as how often one was made."""
    module = sys.modules.get(cls.__module__)
    space = {cls.__name__: cls} if module is None else vars(module)
    return frozenset[str]().union(*(_counted(code) for code in _codes(space)))


def _codes(space: Mapping[str, Any]) -> Iterator[types.CodeType]:
    """Code of the functions of a module, and of its classes."""
    for value in list(space.values()):
        owned = list(vars(value).values()) if isinstance(value, type) and value.__module__ == space.get("__name__") else ()
        for each in (value, *owned):
            for part in (each.fget, each.fset) if isinstance(each, property) else (each,):
                function = _inside(part)
                if function is not None and (function.__globals__ is space or value is not each):
                    yield function.__code__


def _inside(value: Any) -> types.FunctionType | None:
    """The function in a method, or in what wraps it."""
    for _ in range(10):
        if isinstance(value, types.FunctionType) and "__wrapped__" not in vars(value):
            return value
        held = getattr(value, "__dict__", {})
        value = value.__func__ if isinstance(value, staticmethod | classmethod) else held.get("__wrapped__")
    return None


@lru_cache(maxsize=4096)
def _counted(code: types.CodeType) -> frozenset[str]:
    """Attributes that a function counts up on something else than an object that it was given: ``Net.made += 1``."""
    steps = [s for s in dis.get_instructions(code) if s.opname not in ("CACHE", "EXTENDED_ARG", "NOP")]
    stored = {s.argval for s in steps if s.opname == "STORE_ATTR"}
    counted = {
        str(read.argval)
        for owner, copy, read in zip(steps, steps[1:], steps[2:], strict=False)
        if copy.opname == "COPY" and read.opname == "LOAD_ATTR" and read.argval in stored
        and (not owner.opname.startswith("LOAD_FAST") or owner.argval == "cls")
    }  # fmt: skip
    return frozenset(counted).union(*(_counted(each) for each in code.co_consts if isinstance(each, types.CodeType)))


@lru_cache(maxsize=4096)
def _assigned(code: types.CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """Globals that a function sets and also reads, and those that it sets to what it computes."""
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    read, fixed, made = set[str](), set[str](), set[str]()
    before: dis.Instruction | None = None
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            read.add(str(step.argval))
        elif step.opname == "STORE_GLOBAL":
            last = before.argval[-1] if before is not None and isinstance(before.argval, tuple) else before and before.argval
            given = before is not None and before.opname.startswith("LOAD_FAST") and last in parameters
            constant = before is not None and before.opcode in dis.hasconst
            if not given:
                (fixed if constant else made).add(str(step.argval))
        if step.opname not in ("CACHE", "EXTENDED_ARG", "NOP"):
            before = step
    inner = [_assigned(each) for each in code.co_consts if isinstance(each, types.CodeType)]
    state = read & (fixed | made)
    return frozenset(state).union(*(i[0] for i in inner)), frozenset(made | state).union(*(i[1] for i in inner))
