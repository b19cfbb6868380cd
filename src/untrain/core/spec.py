"""One spelling everywhere: objects that are their configuration, and the text that makes them."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
from abc import ABC
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FunctionType
from typing import Any, ClassVar, TypeVar, dataclass_transform

import pydantic
from pydantic import ConfigDict, Field, ValidationError

from untrain.core import discovery
from untrain.core.errors import BadInput, SpecError, UntrainError, suggest
from untrain.core.spelling import shown, tree_of

LONGEST = 100_000
S = TypeVar("S", bound="Spec")


@dataclass_transform(frozen_default=True, field_specifiers=(Field, dataclasses.field))
class Spec(ABC):
    """An object with a spelling: a frozen dataclass that its fields describe completely.

    A direct subclass declared with ``role=True`` is abstract and cannot be made; any other subclass is final and
    becomes a frozen pydantic dataclass in strict mode. To vary a final class, wrap it or give it a field.

    Raises:
        SpecError: a field is unknown, missing or out of range.
        TypeError: a final class is subclassed, or a role's closed verb is overridden.
    """

    is_role: ClassVar[bool] = True
    closed: ClassVar[tuple[str, ...]] = ("__init__",)
    version: ClassVar[int] = 1
    refusal: ClassVar[str] = ""

    def __init_subclass__(cls, role: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.is_role = role
        if role:
            return
        try:
            cls._finish()
        except Exception as error:
            if not _refusing.get():
                raise
            cls.is_role, cls.refusal = True, str(error)

    @classmethod
    def _finish(cls) -> None:
        """Make a final class a frozen dataclass."""
        for base in cls.__mro__[1:]:
            if issubclass(base, Spec) and not base.is_role:
                raise TypeError(f"{cls.__name__} subclasses {base.__name__}, which is final: wrap it or give it a field")
        for verb in cls.closed:
            if verb in cls.__dict__:
                raise TypeError(f"{cls.__name__} defines {verb}, which its role keeps for itself: {_cure(cls, verb)}")
        config = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False, extra="forbid")
        pydantic.dataclasses.dataclass(cls, frozen=True, repr=False, config=config)
        cls.__init__ = _clear(cls.__init__)  # type: ignore[method-assign]

    def __repr__(self) -> str:
        """The spelling, defaults left out; ``parse`` reads it back."""
        return spell(self, every=False)


_refusing: ContextVar[bool] = ContextVar("refusing", default=False)


@contextmanager
def refusals() -> Iterator[None]:
    """Within, a class that breaks the rules of its role has the reason as its ``refusal`` and cannot be made; none raises."""
    token = _refusing.set(True)
    try:
        yield
    finally:
        _refusing.reset(token)


def _cure(cls: type[Spec], verb: str) -> str:
    """The name to write instead of a verb that a role keeps for itself."""
    if verb == "__init__":
        return "write its values as fields in the class body, such as `keep: float = 0.3`"
    open_verbs = sorted(name for base in cls.__mro__ for name in getattr(base, "__abstractmethods__", ()))
    return f"put the work into {' and '.join(dict.fromkeys(open_verbs)) or 'another method'}"


def _clear(init: Callable[..., None]) -> Callable[..., None]:
    """pydantic's ``__init__`` with its many lines of error turned into one."""

    def __init__(self: Spec, /, *args: Any, **kwargs: Any) -> None:
        known = [f.name for f in dataclasses.fields(self)]  # type: ignore[arg-type]
        name = type(self).__name__
        for field in kwargs:
            if field not in known:
                raise SpecError(f"{name} has no field {field!r}; it has {sorted(known)}{suggest(field, known)}")
        if len(args) > len(known):
            raise SpecError(f"{name} takes at most {len(known)} values, {known}; {len(args)} were given")
        try:
            init(self, *args, **kwargs)
        except ValidationError as error:
            for complaint in error.errors():
                own = complaint.get("ctx", {}).get("error")
                if isinstance(own, UntrainError):
                    raise own from None
            raise SpecError(f"{name}: {_first(error, known)}") from None

    return __init__


def _first(error: ValidationError, known: list[str]) -> str:
    """The first complaint in words: field, value and reason."""
    complaint = error.errors()[0]
    where = complaint["loc"][0] if complaint["loc"] else "value"
    field = known[where] if isinstance(where, int) else where
    if complaint["type"] == "missing":
        return f"{field} is needed"
    others = [e["msg"] for e in error.errors() if e["loc"][:1] == complaint["loc"][:1]]
    reasons = " or ".join(dict.fromkeys(m.removeprefix("Value error, ").removeprefix("Input ") for m in others[:3]))
    return f"{field}={shown(complaint['input'])}: {reasons}"


def spelled_name(cls: type) -> str:
    """Return the word for a class: bare where discovery finds this very class by it, dotted otherwise.

    >>> spelled_name(Spec)
    'Spec'
    """
    if cls.__module__.startswith("untrain.") or discovery.finds(cls):
        return cls.__name__
    return f"{cls.__module__}.{cls.__qualname__}"


def spell(value: Any, every: bool) -> str:
    """Return how a value of a field is written, with every field of a spec or those alone that differ from their defaults."""
    if isinstance(value, Spec):
        compose = getattr(value, "spell", None)
        if compose is not None:
            return str(compose(lambda part: spell(part, every)))
        shown = []
        for f in dataclasses.fields(value):  # type: ignore[arg-type]
            own = getattr(value, f.name)
            if every or not (f.default is not dataclasses.MISSING and type(own) is type(f.default) and own == f.default):
                shown.append(f"{f.name}={spell(own, every)}")
        return f"{spelled_name(type(value))}({', '.join(shown)})"
    if isinstance(value, tuple):
        inner = ", ".join(spell(v, every) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    # From Python a field may hold more than text can say: a function or a data set. It is named, not spelled.
    name = getattr(value, "__qualname__", None)
    return f"{value.__module__}.{name}" if name else f"<{type(value).__name__}>"


def canonical(spec: Spec) -> str:
    """Return the spelling with every field written out and recipes expanded, the ingredient of store keys.

    >>> canonical(parse("Cosine()"))
    'Cosine(floor=0.01)'
    """
    expand = getattr(spec, "expand", None)
    return canonical(expand()) if expand is not None else spell(spec, every=True)


def digest(value: Any) -> str:
    """Digest a JSON-able value in 64 hexadecimal digits, independent of the order of its keys.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    >>> digest({})[:12]  # sha256 of "{}"
    '44136fa355b3'
    """
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def parse(text: str) -> Any:
    """Make the object that a spelling describes.

    It reads calls of known names, ``@`` and literals, and evaluates nothing. A dotted name such as
    ``my_package.my_method.Fade`` imports its module, which runs that module's code; it may name a function where a field holds one.

    >>> parse("Steps(epochs=2, lr=0.1)").epochs
    2
    >>> parse("Finetune() @ WeightedGrad(keep=0.3)")  # defaults are left out again
    Finetune() @ WeightedGrad()

    Raises:
        SpecError: the text does not parse, a name is unknown, or a field is wrong.
    """
    if len(text) > LONGEST:
        raise SpecError(f"cannot read a text of {len(text)} characters: a spec has at most {LONGEST}")
    try:
        spec = _build(tree_of(text), text)
        if isinstance(spec, type):
            spec = spec()
    except (RecursionError, MemoryError):
        raise SpecError(f"cannot read {shown(text)}: it is nested too deeply") from None
    if isinstance(spec, tuple) and spec and all(isinstance(one, Spec | type) for one in spec):
        raise SpecError(f"{shown(text)} is {len(spec)} specs, where one is meant: give each by itself, an option again for each")
    if not isinstance(spec, Spec):
        raise SpecError(f"{shown(text)} is a plain value; a spec is a name with fields, such as DEL(keep=0.3)")
    return spec


def _build(node: ast.expr, text: str) -> Any:
    match node:
        case ast.Call(func=func, args=args, keywords=keywords):
            cls = _build(func, text)
            if not isinstance(cls, type):
                raise SpecError(f"in {shown(text)}: {ast.unparse(func)} is not a name that can be called")
            if any(k.arg is None for k in keywords) or any(isinstance(a, ast.Starred) for a in args):
                raise SpecError(f"in {shown(text)}: '*' and '**' are not understood; write each field out")
            names = [k.arg for k in keywords]
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise SpecError(f"in {shown(text)}: {twice!r} is given twice")
            return cls(*[_value(a, text) for a in args], **{str(k.arg): _value(k.value, text) for k in keywords})
        case ast.Name() | ast.Attribute():
            cls = discovery.load_value(ast.unparse(node))
            if isinstance(cls, FunctionType):
                return cls  # for a field that holds one, such as a factory of models
            if not issubclass(cls, Spec) or cls.is_role:
                raise SpecError(f"in {shown(text)}: {ast.unparse(node)} is not a spec that can be made")
            return cls
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            try:
                return _value(left, text) @ _value(right, text)
            except TypeError:
                raise SpecError(
                    f"in {shown(text)}: '@' joins unlearner and localizer, not {ast.unparse(left)} and {ast.unparse(right)}"
                ) from None
        case ast.BinOp():
            raise SpecError(f"in {shown(text)}: {ast.unparse(node)} is arithmetic; write the value")
    return _value(node, text)


def _value(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Tuple | ast.List):
        return tuple(_value(e, text) for e in node.elts)
    if isinstance(node, ast.Call | ast.Name | ast.Attribute | ast.BinOp):
        value = _build(node, text)
        return value() if isinstance(value, type) else value
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        raise SpecError(f"in {shown(text)}: {ast.unparse(node)} is neither a literal nor a known name") from None


def sendable(*parts: Spec) -> bool:
    """Return whether another process can make the same parts from their spellings.

    >>> sendable(parse("Finetune()"))
    True
    """
    try:
        return not any("__main__." in repr(part) or parse(repr(part)) != part for part in parts)
    except BadInput:
        return False
