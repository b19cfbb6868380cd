"""Records of runs and of their models, held to what untrain writes: a store may come from somebody else."""

from __future__ import annotations

import json
from dataclasses import field
from functools import lru_cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from untrain.core.errors import StoreError
from untrain.runtime.entry import Entry

_CONFIG = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


@dataclass(config=_CONFIG)
class _OfMethod:
    method: str
    keys: list[str]


@dataclass(config=_CONFIG)
class _Models:
    original: list[str]
    oracle: list[str]
    methods: list[_OfMethod]


@dataclass(config=_CONFIG)
class _Ingredients:
    models: _Models


@dataclass(config=_CONFIG)
class _Run:
    ingredients: _Ingredients
    scenario: str
    digest: str
    seeds: int
    oracles: int
    seed: int | None
    sizes: dict[str, int]
    setting: dict[str, str | int | float | bool | None]
    duplicates: dict[str, int] | None
    task: str = ""
    answers: str = ""
    outputs: list[str] = field(default_factory=list)
    observed: dict[str, dict[str, str]] = field(default_factory=dict)
    level: float = 0.0
    class_names: list[str] | None = None
    feature_names: list[str] | None = None
    pieces: list[str] | None = None
    probes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    looks: list[dict[str, float]] | None = None
    planned_looks: int = 0
    chosen: dict[str, Any] | None = None


@dataclass(config=_CONFIG)
class _Model:
    cost: dict[str, float | None] | None = None
    guard: dict[str, float | None] | None = None
    notes: list[str] = field(default_factory=list)
    layers: dict[str, list[int]] | None = None
    order: list[str] = field(default_factory=list)


@lru_cache(maxsize=2)
def _reader(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def check_run(run: Entry) -> None:
    """Refuse a run whose record says something else than runs do.

    Raises:
        StoreError: what it says wrong.
    """
    _check(_Run, run, "run")


def check_model(model: Entry) -> None:
    """Refuse a model whose record says something else than models do.

    Raises:
        StoreError: what it says wrong.
    """
    _check(_Model, model, "model")


def _check(kind: type, entry: Entry, word: str) -> None:
    try:
        _reader(kind).validate_json(json.dumps(entry.record))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise StoreError(f"the record of {word} {entry.key[:12]} is not one that untrain wrote: {place}: {first['msg']}") from None
