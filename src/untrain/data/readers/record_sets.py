"""Published sets of texts: files of JSON lines in a folder, or configurations of a data set on the Hugging Face hub."""

from __future__ import annotations

from typing import Any

from untrain.core.errors import DataError
from untrain.data.readers.json_lines import find_file, read_records
from untrain.data.readers.parquet import datasets_adapter

HUB = "hub:"


def read_set(path: str, name: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """The records of one part of a set; each has at least the named fields, as texts.

    Args:
        path: a folder with files of JSON lines, or ``hub:`` and the name of a data set, such as 'hub:locuslab/TOFU'.
        name: of the part: the file without its ending, or the configuration on the hub, of which the only split is taken.
        fields: names that every record has.

    Raises:
        DataError: it is not available, or a record is something else.
        MissingExtra: the datasets library is not installed.
    """
    if not path.startswith(HUB):
        return read_records(find_file(path, name), fields)
    where = path.removeprefix(HUB)
    parts = datasets_adapter().read_parts(where, name)
    if len(parts) != 1:
        raise DataError(f"{name} of {where} on the hub has the splits {', '.join(map(str, parts))}, and one was expected")
    records: list[dict[str, Any]] = next(iter(parts.values()))
    for at, record in enumerate(records, 1):
        for wanted in fields:
            if not isinstance(record.get(wanted), str):
                raise DataError(f"record {at} of {name} of {where} on the hub has no text under {wanted!r}")
    if not records:
        raise DataError(f"{name} of {where} on the hub holds no records")
    return records
