"""Digests of live objects: their code, and all values that the code reads, as far as they are the user's own."""

from __future__ import annotations

import dis
import functools
import hashlib
import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from untrain.core.code_digest import code_digest, names_of_libraries
from untrain.core.code_moves import Values, has_moved, what_stayed
from untrain.core.code_objects import (
    added_to,
    behaviour_of,
    constant,
    content_of,
    outer_of,
    parts_of,
    reduced,
    scripted,
    written_by,
)
from untrain.core.code_places import imported_word, module_word, place_of
from untrain.core.errors import DataError
from untrain.core.libraries import is_library
from untrain.core.module_state import PLAIN, states

DEEPEST, MOST = 40, 3000  # sets in one another, and members of those within others
HAS_DOCSTRING = 0x4000000
CODE = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, type, types.ModuleType, property, staticmethod,
        classmethod, functools.partial, nn.Module)  # fmt: skip


def reach(*roots: Any, values: bool = True) -> str:
    """Digest, in 64 hexadecimal digits, objects and all that their code reads, as they are in this process now.

    It follows functions by their instructions to globals, closures and defaults, classes to their bases and attributes, objects
    to their state, and modules to the attributes that are read of them. Names, comments and docstrings do not count. Of
    libraries the version counts; of code of ours the files do. What code assigns to, such as a counter, does not.

    >>> def scaled(factor): return lambda x: factor * x
    >>> reach(scaled(2)) == reach(scaled(2)), reach(scaled(2)) == reach(scaled(3))
    (True, False)

    Args:
        roots: functions, classes, modules or other objects.
        values: whether values count, beside code.

    Raises:
        DataError: a value has no digest that would be the same elsewhere.
    """
    return _Walk(values).digest(roots)


def values_read(*roots: Any) -> Values:
    """The values, as they are now, of all that the code of some objects reads."""
    walk = _Walk(True)
    walk.digest(roots)
    return Values(walk.alive)


class _Walk:
    """A walk over objects, breadth first: each has a number, by which others name it, so that circles end."""

    def __init__(self, values: bool, within: tuple[int, ...] = (), spent: list[int] | None = None):
        self.values, self.within, self.spent = values, within, [0] if spent is None else spent
        self.numbers: dict[int, int] = {}
        self.found: deque[Any] = deque()
        self.alive: list[Any] = []  # ids are of objects that live

    def digest(self, roots: Iterable[Any]) -> str:
        sha = hashlib.sha256()
        for root in roots:
            sha.update(f"{self.name(root)};".encode())
        while self.found:
            for word in self.describe(self.found.popleft()):
                sha.update(f"{word};".encode(errors="surrogatepass"))
            sha.update(b"|")
        return sha.hexdigest()

    def name(self, value: Any) -> str:
        """The word for an object where another one holds it."""
        if type(value) in PLAIN:
            return f"{type(value).__name__} {value!r}"
        if type(value) is tuple and all(type(each) in PLAIN for each in value):
            return f"tuple {value!r}"
        if isinstance(value, types.MethodType):  # made anew each time that one asks for it
            return f"method {self.name(value.__func__)} {self.name(value.__self__)}"
        if id(value) not in self.numbers:
            self.numbers[id(value)] = len(self.numbers)
            self.found.append(value)
            self.alive.append(value)
        return f"#{self.numbers[id(value)]}"

    def describe(self, value: Any) -> Iterator[str]:
        """The words for what an object is."""
        if has_moved(value):
            return self.pairs(f"state {self.name(type(value))}", what_stayed(value))
        match value:
            case types.FunctionType():
                return self.function(value)
            case types.CodeType():
                return self.code(value, {})
            case type():
                return self.kind(value)
            case types.ModuleType():
                return iter((module_word(value.__name__),))
            case types.BuiltinFunctionType() | types.MethodDescriptorType() | types.WrapperDescriptorType():
                return self.builtin(value)
            case property():
                return self.each("property", (value.fget, value.fset, value.fdel))
            case staticmethod() | classmethod():
                return self.each(type(value).__name__, (value.__func__,))
            case functools.partial():
                held = {} if self.values else what_stayed(value.keywords)  # of a table, numbers and texts count without values too
                words = self.each("partial", (value.func, value.args, value.keywords, *added_to(value)))
                return chain(words, self.pairs("keywords", held) if held else ())
            case torch.jit.ScriptFunction() | torch.jit.ScriptModule():
                return scripted(value)
            case types.MappingProxyType() | types.SimpleNamespace():
                return self.pairs(type(value).__name__, value if isinstance(value, Mapping) else vars(value))
        if "__wrapped__" in getattr(value, "__dict__", {}):  # as a cache of results holds a function
            return self.pairs(f"wrapper {self.name(type(value))}", dict(added_to(value)))
        library = is_library(type(value).__module__)  # a class of the user's may bear the name of what it wraps
        if (
            library
            and callable(value)
            and hasattr(value, "__qualname__")
            and is_library(str(getattr(value, "__module__", "__main__")))
        ):
            return iter((f"compiled {place_of(value)}",))
        return self.state(value)

    def function(self, value: types.FunctionType) -> Iterator[str]:
        module = str(value.__globals__.get("__name__"))
        own, where = not is_library(module), module_word(module)
        if own and module.partition(".")[0] == "untrain":
            yield f"function {code_digest(value)} {value.__qualname__}"
        elif own:
            free = states(value.__globals__)
            constants = {name: each for name, each in value.__globals__.items() if name not in free}
            yield from self.code(value.__code__, constants | outer_of(value))
        else:
            yield f"function {where} {value.__qualname__}"
        if not own or module.partition(".")[0] == "untrain":
            yield from self.pairs("closure", outer_of(value))  # a wrapper leads to what it wraps
        yield from self.each("defaults", value.__defaults__ or ())
        yield from self.pairs("keywords", value.__kwdefaults__ or {})
        if not self.values:
            yield from self.pairs("attributes", what_stayed(vars(value)))
        elif vars(value):
            yield f"attributes {self.name(vars(value))}"

    def code(self, code: types.CodeType, names: Mapping[str, Any]) -> Iterator[str]:
        """Instructions with what they read; where a line stands and what it is called does not count."""
        yield f"code {code.co_argcount} {code.co_posonlyargcount} {code.co_kwonlyargcount} {code.co_flags & ~HAS_DOCSTRING}"
        yield f"table {code.co_exceptiontable!r}"
        read: Any = _NOTHING
        for step in dis.get_instructions(code):
            if step.opname in ("CACHE", "EXTENDED_ARG", "NOP", "RESUME", "PUSH_NULL"):
                continue
            chain = isinstance(read, types.ModuleType) and step.opname in ("LOAD_ATTR", "LOAD_METHOD")
            if isinstance(read, types.ModuleType) and not chain:
                yield module_word(read.__name__)  # it is handed on: what is read of it cannot be seen
            if chain:
                owner, space = read.__name__, vars(read)
                free = not is_library(owner) and step.argval in states(space)
                read = _NOTHING if free else space.get(str(step.argval), _NOTHING)
                # Objects of libraries, such as sys.stdout, are the state of a process.
                state = is_library(owner) and not isinstance(read, CODE) and type(read) not in PLAIN
                yield f"{module_word(owner)} {step.argval}" if state else self.read(step.argval, read)
            elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME") or (step.opname == "LOAD_DEREF" and step.argval in code.co_freevars):
                read = _NOTHING if step.argval in written_by(code) else names.get(step.argval, _NOTHING)
                yield self.read(step.argval, read)
                top = names_of_libraries(str(names.get("__file__"))).get(step.argval)
                if top is not None:  # some things, such as NumPy's functions, do not say whose they are
                    yield module_word(top)
            else:
                read = _NOTHING
                yield from self.step(step, names, code.co_cellvars)

    def read(self, name: object, value: Any) -> str:
        """A word for a value that code reads by a name; of a module what is read of it comes next."""
        if value is _NOTHING:
            return f"name {name}"
        if isinstance(value, types.ModuleType):
            return module_word(value.__name__) if is_library(value.__name__) else "module"
        return self.held(value)

    def step(self, step: dis.Instruction, names: Mapping[str, Any], local: tuple[str, ...]) -> Iterator[str]:
        if step.opname == "IMPORT_NAME":
            yield f"import {imported_word(str(step.argval), str(names.get('__package__') or ''))}"
        elif isinstance(step.argval, types.CodeType):
            yield from self.code(step.argval, {n: v for n, v in names.items() if n not in local} if local else names)
        elif step.opcode in dis.hasconst:
            yield f"{step.opname} {constant(step.argval)}"
        else:
            yield f"{step.opname} {step.argval if step.opcode in dis.hasname else step.arg}"

    def held(self, value: Any) -> str:
        """A word for what another object holds; where values do not count, that of its class stands for an object."""
        plain = self.values or type(value) in PLAIN or type(value) is tuple or isinstance(value, CODE)
        return self.name(value) if plain else f"a {self.name(type(value))}"

    def kind(self, value: type) -> Iterator[str]:
        if is_library(str(value.__module__)):
            yield f"class {place_of(value)}"
            return
        if str(value.__module__).partition(".")[0] == "untrain":
            yield f"class {value.__qualname__} {code_digest(value)}"
            return
        yield from self.each("class", (type(value), *value.__bases__))
        for name, part in behaviour_of(value):
            yield f"{name} {self.held(part)}"

    def builtin(self, value: Any) -> Iterator[str]:
        owner = getattr(value, "__self__", None)
        yield f"builtin {getattr(value, '__module__', None)} {value.__qualname__}"
        if owner is not None and not isinstance(owner, types.ModuleType):
            yield self.held(owner)

    def state(self, value: Any) -> Iterator[str]:
        """Words for an object by its class and its content."""
        yield f"object {self.name(type(value))}"
        if not self.values and not isinstance(value, tuple):
            if isinstance(value, nn.Module):
                yield from self.each("parts", (part for n, p in parts_of(value) if isinstance(p, list) for part in p))
            return
        if isinstance(value, np.ndarray) and value.dtype.hasobject:
            yield f"{value.dtype} {value.shape}"
            yield from self.each("items", value.ravel().tolist())
        elif isinstance(value, Tensor | np.ndarray | np.generic):
            yield content_of(value)
            yield from self.each("attributes", added_to(value))
        elif isinstance(value, set | frozenset):
            yield self.set(value)
            yield from self.each("attributes", added_to(value))
        elif type(value) is dict:
            yield from self.pairs("items", value)
        elif type(value) in (list, tuple) or not self.values:
            yield from self.each("items", value)
        elif isinstance(value, nn.Module):
            yield from self.pairs("module", dict(parts_of(value)))
        elif isinstance(value, Enum):
            yield f"{value.name} {self.name(value.value)}"
        else:
            yield from self.reduced(value)

    def reduced(self, value: Any) -> Iterator[str]:
        """Words for an object by what would be pickled of it, or else by its attributes."""
        try:
            parts = reduced(value)
        except Exception:  # whatever stands against pickling it, such as a lock
            yield from self.pairs("attributes", getattr(value, "__dict__", {}))
            return
        if isinstance(parts, str):
            yield f"global {parts}"
            return
        for part in parts:
            yield from self.each("parts", part) if isinstance(part, Iterator) else iter((self.name(part),))

    def each(self, what: str, values: Iterable[Any]) -> Iterator[str]:
        yield what
        for value in values:
            yield self.held(value)

    def pairs(self, what: str, values: Mapping[Any, Any]) -> Iterator[str]:
        yield what
        for key, value in values.items():
            yield f"{self.name(key)}: {self.held(value)}"

    def set(self, values: Any) -> str:
        """Members by their own digests: their order is by hash seed. A set that is within itself is named by how far out it is.

        Raises:
            DataError: sets lie so deep in one another that this does not end.
        """
        if id(values) in self.within:
            return f"the set {self.within[::-1].index(id(values))} out"
        self.spent[0] += len(values) if self.within else 0
        if len(self.within) >= DEEPEST or self.spent[0] > MOST:
            raise DataError(
                f"code of yours reads {self.spent[0]} sets within sets, {len(self.within)} deep, of which no key can be made: "
                "give lists or dictionaries, whose order is known"
            )
        inside = (*self.within, id(values))
        return " ".join(sorted(_Walk(self.values, inside, self.spent).digest((value,)) for value in values))


_NOTHING = object()
