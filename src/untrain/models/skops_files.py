"""Estimators of scikit-learn in files of skops, which are read without unpickling anything."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

from skops import io

from untrain.core.errors import DataError
from untrain.data.readers.damage import reading

SHOWN = 5
SCHEMA = "schema.json"
CHECKED_WORDS = "_stop_words_id"


def read_estimator(file: Path) -> Any:
    """The estimator in a file of skops; only types that skops trusts by itself are made.

    Raises:
        DataError: it cannot be read, or holds other types.
    """
    with reading(f"{file} cannot be read as a file of skops"):
        strange = io.get_untrusted_types(file=file)
        if strange:
            more = ", ..." if len(strange) > SHOWN else ""
            raise DataError(
                f"{file} holds types that are not scikit-learn's or NumPy's own ({', '.join(strange[:SHOWN])}{more}), which are "
                "not made: save the linear estimator itself"
            )
        return io.load(file, trusted=[])


def write_estimator(estimator: Any, file: Path) -> None:
    """Write an estimator to a file of skops; equal ones make equal files.

    skops writes the time and addresses in memory into a file, by which no digest of it could be compared with another; so do
    vectorizers of scikit-learn, of the stop words that they checked last, which they check again where the address is another.
    """
    numbers: dict[int, int] = {}
    names: dict[str, str] = {}

    def renumbered(node: dict[str, Any]) -> dict[str, Any]:
        if isinstance(node.get("__id__"), int):
            node["__id__"] = numbers.setdefault(node["__id__"], len(numbers))
        if isinstance(node.get("file"), str):
            node["file"] = names.setdefault(node["file"], f"{len(names)}{Path(node['file']).suffix}")
        if isinstance(node.get(CHECKED_WORDS), dict):
            node[CHECKED_WORDS]["content"] = "0"
        return node

    with ZipFile(BytesIO(io.dumps(estimator))) as made, ZipFile(file, "w") as fresh:
        schema = json.loads(made.read(SCHEMA), object_hook=renumbered)
        for name in sorted(set(made.namelist()) - {SCHEMA}, key=lambda each: names.get(each, each)):
            fresh.writestr(ZipInfo(names.get(name, name)), made.read(name))
        fresh.writestr(ZipInfo(SCHEMA), json.dumps(schema, indent=2))
