"""Shared parts of architectures of Hugging Face transformers: settings, the adapter, and the digest of a configuration."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import BeforeValidator

from untrain.core.errors import MissingExtra, SpecError


def _pairs(settings: Any) -> tuple[tuple[str, Any], ...]:
    """Settings by name in the order of their names, from a mapping or from pairs; what lies in a part is named 'part.name'."""
    flat: dict[str, Any] = {}

    def walk(pairs: Any, before: str) -> None:
        for name, value in pairs.items() if isinstance(pairs, dict) else pairs:
            if isinstance(value, dict):
                walk(value, f"{before}{name}.")
            elif not isinstance(name, str) or f"{before}{name}" in flat:
                raise ValueError(f"should name each setting once, and {name!r} does not")
            else:
                flat[f"{before}{name}"] = _plain(value)

    try:
        walk(settings, "")
    except TypeError:
        raise ValueError("should be settings by name, such as {'hidden_size': 64, 'patch_size': 4}") from None
    return tuple(sorted(flat.items()))


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(map(_plain, value))
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"should hold numbers, text, True, False, None and tuples of them, not {value!r}")


Settings = Annotated[tuple[tuple[str, Any], ...], BeforeValidator(_pairs)]


def check_choice(
    who: str, checkpoint: str, kind: str, example: str, config: tuple[tuple[str, Any], ...], own: Mapping[str, str]
) -> None:
    """Check that one of ``checkpoint`` and ``kind`` is named, and that no setting is one that comes from elsewhere.

    Args:
        who: the architecture.
        checkpoint: its field.
        kind: its field.
        example: of a kind.
        config: names and values of settings.
        own: where a setting comes from, by its name.

    Raises:
        SpecError: both or none are named, or a setting is set that the architecture sets.
    """
    if bool(checkpoint) == bool(kind):
        raise SpecError(f"{who} is made of either checkpoint='owner/name' (or a folder), or kind={example!r} (or another)")
    for name, _ in config:
        if name in own:
            raise SpecError(f"{who}: config sets {name!r}, which comes from {own[name]}: leave it out")


@contextmanager
def transformers_for(who: str) -> Iterator[None]:
    """Imports of adapters of transformers within name who needs the library, where it is not installed.

    Raises:
        MissingExtra: it is not.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtra(f"{who} needs {error.name}, which is not installed: pip install 'untrain[transformers]'") from None


def digest_of(config: Any) -> str:
    """Twelve digits of all settings."""
    settings = {n: v for n, v in config.to_dict().items() if n != "_name_or_path"}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:12]
