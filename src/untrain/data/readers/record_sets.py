"""Published sets of texts: files of JSON lines in a folder, or configurations of a data set on the Hugging Face hub."""

from __future__ import annotations

from typing import Any

from untrain.core.errors import DataError, MissingExtra
from untrain.data.readers.json_lines import find_file, read_records

HUB = "hub:"


def read_set(path: str, name: str, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """The records of one part of a set; each has at least the named fields, as texts.

    Args:
        path: a folder with files of JSON lines, or ``hub:`` and the name of a data set, such as 'hub:locuslab/TOFU'.
        name: of the part: the file without its ending, or the configuration on the hub, of which the only split is taken.
        fields: names that every record has.

    Raises:
        DataError: it cannot be had, or a record is something else.
        MissingExtra: the datasets library is not installed.
    """
    if not path.startswith(HUB):
        return read_records(find_file(path, name), fields)
    where = path.removeprefix(HUB)
    parts = _loaded(where, name)
    if len(parts) != 1:
        raise DataError(f"{name} of {where} on the hub has the splits {', '.join(map(str, parts))}, and one was expected")
    records = [dict(record) for record in next(iter(parts.values()))]
    for at, record in enumerate(records, 1):
        for wanted in fields:
            if not isinstance(record.get(wanted), str):
                raise DataError(f"record {at} of {name} of {where} on the hub has no text under {wanted!r}")
    if not records:
        raise DataError(f"{name} of {where} on the hub holds no records")
    return records


def _loaded(where: str, name: str) -> dict[str, Any]:
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise MissingExtra(f"data sets of the hub need {error.name}: pip install 'untrain[data]'") from None
    try:
        return dict(datasets.load_dataset(where, name))
    except Exception as error:  # the library lets errors of many others through
        line = " ".join(str(error).split())[:200]
        raise DataError(f"cannot get {name} of {where} from the hub ({line}): connect, or give a folder with its files") from None
