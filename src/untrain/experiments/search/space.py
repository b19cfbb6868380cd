"""The fields of a method that can be searched, from their types and ranges."""

from __future__ import annotations

import math
import re
import types
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from untrain.core.errors import SpecError, suggest
from untrain.core.search_space import Choices, Dimension, Range, SearchHint
from untrain.core.spec import Spec, parse
from untrain.localizers.base import Localizer
from untrain.unlearners.base import Localized, Recipe, Unlearner

Space = dict[str, Dimension]
_BOUNDS = ("ge", "gt", "le", "lt")


@dataclass(frozen=True)
class SearchField:
    """A field of a method, wherever in it.

    Args:
        path: names of fields from the method down to it.
        value: what it holds.
        kinds: the types it may be of, each with its metadata.
        reach: where a search looks by itself; None where that is not known.
        usual: whether it is searched where no field is named.
    """

    path: tuple[str, ...]
    value: Any
    kinds: tuple[tuple[Any, tuple[Any, ...]], ...]
    reach: Dimension | None
    usual: bool


def search_fields(method: Spec) -> dict[str, SearchField]:
    """Name -> field, for all fields of a method and of its parts; ``unlearner.`` is left out of names."""
    named = {}
    for field in _walk(method, ()):
        shown = field.path[1:] if isinstance(method, Localized) and field.path[0] == "unlearner" else field.path
        if shown:
            named[".".join(shown)] = field
    return named


def _walk(part: Spec, path: tuple[str, ...]) -> Iterator[SearchField]:
    own = isinstance(part, Unlearner | Localizer | Recipe)
    hints = get_type_hints(type(part), include_extras=True)
    for f in fields(part):  # type: ignore[arg-type]
        value, kinds = getattr(part, f.name), tuple(_kinds(hints[f.name]))
        reach = _reach(kinds, value)
        hints_here = _hints(kinds)
        wanted = (own and not any(h.asked for h in hints_here)) or any(h.usual for h in hints_here)
        usual = isinstance(reach, Range) and not reach.unit and wanted
        yield SearchField((*path, f.name), value, kinds, reach, usual)
        if isinstance(value, Spec):
            yield from _walk(value, (*path, f.name))


def _kinds(hint: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The members of a union, each as its type and its metadata, with metadata of metadata beside it."""
    if get_origin(hint) in (types.UnionType, Union):
        for member in get_args(hint):
            yield from _kinds(member)
    elif hasattr(hint, "__metadata__"):
        metadata = [each for part in hint.__metadata__ for each in (part, *getattr(part, "metadata", ()))]
        for kind, inner in _kinds(hint.__origin__):
            yield kind, (*inner, *metadata)
    else:
        yield hint, ()


def _hints(kinds: Iterable[tuple[Any, tuple[Any, ...]]]) -> list[SearchHint]:
    return [each for _, metadata in kinds for each in metadata if isinstance(each, SearchHint)]


def _reach(kinds: tuple[tuple[Any, tuple[Any, ...]], ...], value: Any) -> Dimension | None:
    """The default range of a search, for the member of the type that the present value is of."""
    for kind, metadata in kinds:
        if get_origin(kind) is Literal and value in get_args(kind):
            return Choices(get_args(kind))
        if kind is bool and isinstance(value, bool):
            return Choices((False, True))
        hint = next(iter(_hints([(kind, metadata)])), None)
        if kind is str and isinstance(value, str) and hint is not None:
            return Range(hint.low, hint.high, hint.log, whole=True, unit=hint.unit)
        if kind in (int, float) and type(value) in (int, kind) and not isinstance(value, bool):
            whole = kind is int
            bounds = _bounds(metadata)
            if hint is not None and _within(hint, bounds):
                return Range(hint.low, hint.high, hint.log, whole)
            return _between(bounds, float(value), whole)
    return None


def _bounds(metadata: tuple[Any, ...]) -> dict[str, float]:
    return {name: float(v) for each in metadata for name in _BOUNDS if (v := getattr(each, name, None)) is not None}


def _within(hint: SearchHint, bounds: dict[str, float]) -> bool:
    """Return whether a hint keeps to the bounds; those that somebody put around a type that brings its hint go before it."""
    low = hint.low >= bounds.get("ge", -math.inf) and hint.low > bounds.get("gt", -math.inf)
    return low and hint.high <= bounds.get("le", math.inf) and hint.high < bounds.get("lt", math.inf)


def _between(bounds: dict[str, float], value: float, whole: bool) -> Range | None:
    """The range of a type that has both bounds, open ends pulled in; else around the value, where it is above zero."""
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if low is not None and high is not None:
        inwards = 1.0 if whole else (high - low) / 100
        return Range(low + inwards * ("ge" not in bounds), high - inwards * ("le" not in bounds), False, whole)
    if value <= 0:
        return None
    factor = 4 if whole else 10
    near = [math.ceil(value / factor), value * factor] if whole else [value / factor, value * factor]
    near[0] = near[0] if low is None else max(near[0], low)
    near[1] = near[1] if high is None else min(near[1], high)
    return Range(near[0], near[1], near[0] > 0, whole) if near[0] < near[1] else None


def space(method: Spec, over: Sequence[str] = ()) -> Space:
    """The fields to search: those named by ``over``, or those that usually matter.

    Args:
        method: its other fields stay as they are.
        over: 'NAME', 'NAME=LOW..HIGH' or 'NAME=FIRST,SECOND,...'; a name may be short where one field alone ends so.

    Raises:
        SpecError: a name is not a field's, a value is none of its field, or nothing is left to search.
    """
    known = search_fields(method)
    if not over:
        chosen: Space = {name: field.reach for name, field in known.items() if field.usual and field.reach is not None}
        if not chosen:
            more = [name for name, field in known.items() if field.reach is not None]
            advice = f"name some with --over: it has {more}" if more else "it has none that could be"
            raise SpecError(f"{method!r} has no field that is searched by itself; {advice}")
        return chosen
    chosen = {}
    for text in over:
        name, mark, values = text.partition("=")
        name = _named(name.strip(), known, method)
        if name in chosen:
            raise SpecError(f"--over names {name} twice")
        chosen[name] = _values_of(name, values.strip(), known[name], method) if mark else _by_itself(name, known)
    for name in chosen:
        inside = [other for other in chosen if other.startswith(f"{name}.")]
        if inside:
            raise SpecError(f"--over {name} and --over {inside[0]} go against each other: one holds the other")
    return chosen


def _named(word: str, known: Mapping[str, SearchField], method: Spec) -> str:
    """The full name of a field that was named, maybe shortly."""
    if word in known:
        return word
    ends = [name for name in known if name.endswith(f".{word}") or name == word.removeprefix("unlearner.")]
    if len(ends) == 1:
        return ends[0]
    if ends:
        raise SpecError(f"--over {word}: {method!r} has several fields that end so: {ends}")
    short = {name.rpartition(".")[2]: name for name in reversed(list(known))}
    near = suggest(word, known) or suggest(word, short) or f"; it has {list(known)}"
    expand = getattr(method, "expand", None)
    more = f"; written as {expand()!r} it has more" if expand is not None else ""
    raise SpecError(f"--over {word}: {method!r} has no such field{near}{more}")


def _by_itself(name: str, known: Mapping[str, SearchField]) -> Dimension:
    field = known[name]
    if field.reach is not None:
        return field.reach
    inside = [other for other in known if other.startswith(f"{name}.")]
    advice = f"name one of its fields: {inside}" if inside else f"give values: '{name}=LOW..HIGH' or '{name}=FIRST,SECOND'"
    raise SpecError(f"--over {name}: its type does not say where to look; {advice}")


def _values_of(name: str, text: str, field: SearchField, method: Spec) -> Dimension:
    """The dimension that a user wrote out, every end and choice tried on the method."""
    ends = re.fullmatch(r"([^,]+?)\.\.([^,]+)", text)
    if not ends:
        parts = _parts(text)
        if len(parts) < 2 or len(set(parts)) < len(parts):
            raise SpecError(f"--over {name}={text}: write LOW..HIGH, or several values joined by commas")
        return Choices(tuple(_choice(part, field, method) for part in parts))
    try:
        low, high = (float(end.strip().removesuffix("%")) for end in ends.groups())
    except ValueError:
        raise SpecError(f"--over {name}={text}: {ends[1]} and {ends[2]} are not numbers") from None
    if not -math.inf < low < high < math.inf:
        raise SpecError(f"--over {name}={text}: the first end must be below the second, and both finite")
    unit = "%" if text.rstrip().endswith("%") else ""
    whole = bool(unit) or float not in (kind for kind, _ in field.kinds)
    hints = _hints(field.kinds)
    # Factors count where the field's own hint says so, or where its type sets no bounds on both sides.
    log = hints[0].log if hints else not any({"ge", "gt"} & b.keys() and {"le", "lt"} & b.keys() for b in _every(field))
    if whole and not (low.is_integer() and high.is_integer()):
        raise SpecError(f"--over {name}={text}: whole numbers are needed")
    made = Range(low, high, log and low > 0, whole, unit)
    for end in (low, high):
        _set(method, field.path, value_of(made, end))
    return made


def _every(field: SearchField) -> list[dict[str, float]]:
    return [_bounds(known) for _, known in field.kinds]


def _parts(text: str) -> list[str]:
    """Split at the commas that no bracket and no quote encloses."""
    found, depth, quote = [""], 0, ""
    for sign in text:
        if sign in "'\"":
            quote = "" if sign == quote else quote or sign
        depth += 0 if quote else (sign in "([") - (sign in ")]")
        if sign == "," and depth == 0 and not quote:
            found.append("")
        else:
            found[-1] += sign
    return [part.strip() for part in found if part.strip()]


def _choice(text: str, field: SearchField, method: Spec) -> Any:
    """The value that a text means for a field: a literal, a plain word, or a spelling."""
    try:
        value: Any = literal_eval(text)
    except (ValueError, SyntaxError):
        value = parse(text) if isinstance(field.value, Spec) else text
    _set(method, field.path, value)
    return value


def value_of(dimension: Dimension, drawn: Any) -> Any:
    """The value of a field for what was drawn: three digits tell step sizes apart, and spellings stay short."""
    if isinstance(dimension, Choices):
        return next(v for v in dimension.values if repr(v) == drawn)
    if dimension.whole:
        return f"{round(drawn)}{dimension.unit}" if dimension.unit else round(drawn)
    return min(max(float(f"{drawn:.3g}"), dimension.low), dimension.high)


def drawn_of(dimension: Dimension, value: Any) -> Any:
    """The draw that would have given a value; None where it lies outside."""
    if isinstance(dimension, Choices):
        return repr(value) if any(type(v) is type(value) and v == value for v in dimension.values) else None
    if dimension.unit != ("%" if isinstance(value, str) else "") or isinstance(value, Spec) or value is None:
        return None
    number = float(value.removesuffix("%")) if isinstance(value, str) else float(value)
    fits = dimension.low <= number <= dimension.high and (not dimension.whole or number.is_integer())
    return (int(number) if dimension.whole else number) if fits else None


def with_values(method: Spec, drawn: Mapping[str, Any], chosen: Space) -> Any:
    """The method with what was drawn in its fields."""
    known = search_fields(method)
    for name, value in drawn.items():
        method = _set(method, known[name].path, value_of(chosen[name], value))
    return method


def start_of(method: Spec, chosen: Space) -> dict[str, Any] | None:
    """The draws that would have given the method as it is; None where it lies outside of the space."""
    known = search_fields(method)
    drawn = {name: drawn_of(dimension, known[name].value) for name, dimension in chosen.items()}
    return None if any(v is None for v in drawn.values()) else drawn


def _set(part: Any, path: tuple[str, ...], value: Any) -> Any:
    head, *rest = path
    return replace(part, **{head: _set(getattr(part, head), tuple(rest), value) if rest else value})
