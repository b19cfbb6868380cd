"""Features: the numbers of a row of inputs, by name or by place, and other values for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from untrain.core.errors import RequestError, suggest
from untrain.data.examples import Column, Examples, take
from untrain.data.on_disk import PIECE
from untrain.data.ragged import Ragged
from untrain.data.sparse import Sparse

Array = np.ndarray[Any, Any]
MEAN = "mean"
SOME = 8  # names that a message lists


def places_of(train: Examples, features: Sequence[str | int]) -> list[Array]:
    """The places that each feature has in a row of inputs, which counts as flat, in C order.

    A name may stand for several places, such as those of a column of lists.

    Raises:
        RequestError: inputs are tokens, a feature does not exist, or a place is named twice.
    """
    if isinstance(train.x, Ragged):
        raise RequestError("the inputs are rows of tokens, which have no features: features are numbers that every row has")
    places = [_by_name(train, f) if isinstance(f, str) else _by_place(train, f) for f in features]
    flat = np.concatenate(places)
    for feature, own in zip(features, places, strict=True):
        if np.isin(flat, own).sum() > len(own):
            raise RequestError(f"the feature {feature!r} is listed more than once: list each once, by its name or by its place")
    return places


def _by_place(train: Examples, place: int) -> Array:
    shape = tuple(train.x.shape[1:])
    width = int(np.prod(shape))
    if not 0 <= place < width:
        raise RequestError(f"there is no feature {place}: inputs of shape {shape} have the features 0 to {width - 1}")
    return np.array([place])


def _by_name(train: Examples, name: str) -> Array:
    names = train.features
    places = np.flatnonzero([each == name for each in names])
    if len(places):
        return places
    if name in {train.target, "id", "label", "true", "owner", *train.columns}:
        raise RequestError(f"{name!r} is not among the inputs: no model sees it, so that there is nothing to replace")
    if not names:
        shape = tuple(train.x.shape[1:])
        raise RequestError(
            f"there is no feature {name!r}, since the inputs, of shape {shape}, have no names: give places from 0 to "
            f"{int(np.prod(shape)) - 1}, or names with the data, examples(x, y, features=...)"
        )
    unique = list(dict.fromkeys(names))
    parts = [each for each in unique if each.startswith(name)]
    if parts:
        raise RequestError(f"there is no feature {name!r}; features that begin so are {_some(parts)}: list each that is to change")
    raise RequestError(f"there is no feature {name!r}; there are {_some(unique)}{suggest(name, unique)}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:SOME])) + (f" and {len(names) - SOME} more" if len(names) > SOME else "")


def values_of(train: Examples, rows: Array, places: Array, fills: Sequence[float | str]) -> Tensor:
    """The value that comes to each place, (k,), of the type of the inputs.

    Args:
        train: the training data.
        rows: those to change. A mean is that of the other rows, so it reveals nothing of these; where there are no
            others it is that of all.
        places: where, (k,).
        fills: a number, or 'mean', for each place, (k,).

    Raises:
        RequestError: inputs of this type cannot have such a value.
    """
    kind = train.x.dtype
    if MEAN in fills and not kind.is_floating_point:
        raise RequestError(f"the inputs are whole numbers ({_word(kind)}), whose mean is not: give a number to fill with")
    means = _means(train, rows, places) if MEAN in fills else np.zeros(len(places))
    values = [mean if fill == MEAN else float(fill) for fill, mean in zip(fills, means.tolist(), strict=True)]
    for value in values:
        _check_value(value, kind)
    return torch.tensor(values, dtype=torch.float64).to(kind)


def _means(train: Examples, rows: Array, places: Array) -> Array:
    others = np.setdiff1d(np.arange(len(train)), rows)
    given = take(train, others).x if len(others) else train.x
    total = torch.stack([block.double().sum(0).cpu() for block in columns_at(given, places)]).sum(0)
    return np.asarray(total / len(given))


def _check_value(value: float, kind: torch.dtype) -> None:
    least, most = (float(end) for end in _range(kind))
    if not least <= value <= most or not (kind.is_floating_point or value.is_integer()):
        what = "a number" if kind.is_floating_point else "a whole number"
        raise RequestError(f"the inputs are {_word(kind)}, and {value:g} is none: fill with {what} from {least:g} to {most:g}")


def _range(kind: torch.dtype) -> tuple[float, float]:
    about = torch.finfo(kind) if kind.is_floating_point else torch.iinfo(kind)
    return about.min, about.max


def _word(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")


def columns_at(x: Any, places: Array) -> Iterator[Tensor]:
    """The numbers at some places of every row, (b, k), block by block, in order."""
    if isinstance(x, Sparse):
        return map(torch.from_numpy, x.columns(places))
    size = max(1, PIECE // (x.shape[1:].numel() * x.dtype.itemsize))
    at = torch.as_tensor(places, device=x.device)
    return (x[start : start + size].flatten(1)[:, at] for start in range(0, len(x), size))


def with_values(x: Any, places: Array, values: Tensor) -> Column:
    """Inputs (n, ...) with these values (k,) at these places of every row; inputs in a file are read, and sparse rows stay so."""
    if isinstance(x, Sparse):
        return cast(Column, x.with_columns(places, values.numpy()))
    changed: Tensor = x[:].clone()
    if len(changed):  # no rows have no number of columns
        changed.view(len(changed), -1)[:, torch.as_tensor(places, device=changed.device)] = values.to(changed.device)
    return changed
