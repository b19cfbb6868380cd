"""Ids that a request names, by the data of a service."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from untrain.core.errors import RequestError
from untrain.core.metering import metered
from untrain.core.paths import user_path
from untrain.data.column_roles import LABELS, OWNERS, DataChoices
from untrain.data.examples import Examples
from untrain.data.id_index import IdIndex
from untrain.data.keyed import id_column, ids_like, ids_with
from untrain.data.readers.row_stream import headings, is_too_large
from untrain.data.readers.table_files import files_beside
from untrain.data.understood import Understood, understand
from untrain.experiments.forgetting.requests import GivenRequest, cells_of, draw, refuse_several, standard_input
from untrain.service.canonical import digest_at
from untrain.service.settings import Settings

ROLES = {"id": "id", "label": "label", "owner": "owner", "x": "x", "classes": "class_names", "side": "side"}


def data_choices(options: dict[str, Any]) -> DataChoices:
    """The part of a service's options that says what the columns of its data are."""
    chosen = {field: options[name] for field, name in ROLES.items() if name in options}
    plain: dict[str, Any] = {field: tuple(value) if isinstance(value, list) else value for field, value in chosen.items()}
    return DataChoices(**plain)


def data_of(data: str, options: dict[str, Any]) -> Understood:
    """The data of a service.

    Raises:
        DataError: they cannot be read.
    """
    return understand(data, data_choices(options))


def ids_there(data: str, options: dict[str, Any]) -> tuple[str, ...]:
    """The ids of all rows as text, read once in a process as long as the files or the folder stay as they are.

    Raises:
        DataError: they cannot be read.
    """
    roles = json.dumps({name: options[name] for name in ROLES.values() if name in options}, sort_keys=True)
    place = user_path(data)
    return _ids_at(data, roles, *map(digest_at, [place, *files_beside(place)])) if place.exists() else _read_ids(data, roles)


def _read_ids(data: str, roles: str) -> tuple[str, ...]:
    return tuple(map(str, data_of(data, json.loads(roles)).ids.tolist()))


@lru_cache(maxsize=1)
def _ids_at(data: str, roles: str, *digests: str) -> tuple[str, ...]:
    return _read_ids(data, roles)


def ids_among(words: list[str], settings: Settings) -> list[str]:
    """Those of some words that are each one id of the data.

    Raises:
        DataError: the ids cannot be read.
    """
    if is_too_large(settings.data):
        file = user_path(settings.data)
        there = ids_like(file, id_column(file, str(settings.options.get("id", ""))), words)
    else:
        there = np.array(ids_there(settings.data, settings.options))
    index = IdIndex(there)
    return [word for word in words if index.find(word) is not None]


def ids_of(asked: dict[str, Any], settings: Settings) -> tuple[list[object], list[str]]:
    """The ids of the rows that a request names, and notes on how it was read.

    Args:
        asked: the fields of a request of ``untrain.forget``.
        settings: of the service, whose data say what is an id.

    Raises:
        BadInput: the request cannot be read, or names nothing in the data.
    """
    if is_too_large(settings.data):
        return _looked_up(asked, settings)
    data = data_of(settings.data, settings.options)
    with metered() as meter:
        train = data.examples(x=np.zeros((len(data), 1), dtype=np.float32))  # no request looks at inputs here
        rows = draw(GivenRequest(**asked), train).forget_set.rows
    return list(dict.fromkeys(train.ids[np.asarray(rows)].tolist())), list(meter.notes)


def _looked_up(asked: dict[str, Any], settings: Settings) -> tuple[list[object], list[str]]:
    """The ids of a request on data that are too large for memory: by a list of ids, by owners or by classes.

    Raises:
        RequestError: it is a rule or another request, for which all rows would have to be read at once, or several ways are named.
    """
    refuse_several(GivenRequest(**asked))
    file = user_path(settings.data)
    column = id_column(file, str(settings.options.get("id", "")))
    note = f"{file.name} is too large for memory: its column {column!r} was read row by row"
    for name, words, role in (("owners", OWNERS, "owner"), ("classes", LABELS, "label")):
        if asked.get(name):
            of = _column(file, str(settings.options.get(role, "")), words, role)
            return list(ids_with(file, column, of, asked[name])), [note]
    forget = asked.get("forget")
    if asked.get("where") or (isinstance(forget, str) and re.match(r"\s*[\w.]+\(", forget)):
        raise RequestError(f"{file} is too large for memory: ids, owners and classes can be looked up, rules cannot; list ids")
    if isinstance(forget, str) and forget == "-":
        with standard_input() as listed:
            try:
                return _looked_up({**asked, "forget": str(listed)}, settings)
            except RequestError as error:
                raise RequestError(str(error).replace(str(listed), "standard input")) from None
    ids = ids_like(file, column, cells_of(forget))
    n = len(ids)
    blank = Examples.labelled(torch.zeros(n, 1), torch.zeros(n, dtype=torch.int64), ids, 1)
    with metered() as meter:
        rows = draw(GivenRequest(**{**asked, "forget": forget}), blank).forget_set.rows
    return list(dict.fromkeys(ids[np.asarray(rows)].tolist())), [note, *meter.notes]


def _column(file: Path, chosen: str, words: tuple[str, ...], role: str) -> str:
    there = {name.lower(): name for name in headings(file)}
    found = chosen or next((there[word] for word in words if word in there), "")
    if not found:
        raise RequestError(f"{file} has no column that is called {' or '.join(words)}: name it, --option {role}=COLUMN")
    return found
