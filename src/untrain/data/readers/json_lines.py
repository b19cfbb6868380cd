"""Records of JSON lines, plain or compressed."""

from __future__ import annotations

import gzip
import io
import json
import lzma
from pathlib import Path
from typing import Any, BinaryIO

from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.data.readers.damage import check_room, reading

OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}
PIECE = 1 << 20


def read_records(path: str | Path, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """The records of a file, one per line; each has at least the named fields, as texts.

    Args:
        path: a file of JSON lines, which may end in .gz or .xz.
        fields: names that every record has.

    Raises:
        DataError: the file cannot be read, or a line is something else.
    """
    file = user_path(path)
    lines = io.StringIO(read_text(file), newline=None)
    with reading(f"cannot read {str(file)!r}"):
        records = [_record(line, at, file, fields) for at, line in enumerate(lines, 1) if line.strip()]
    if not records:
        raise DataError(f"{str(file)!r} holds no records")
    return records


def read_text(file: Path) -> str:
    """The text of a file that may be compressed, in UTF-8.

    Raises:
        DataError: it cannot be read.
    """
    with reading(f"cannot read {str(file)!r}"), OPENERS.get(file.suffix, open)(file, "rb") as packed:
        return _unpacked(packed, file.stat().st_size).decode("utf-8-sig")


def _unpacked(packed: BinaryIO, size: int) -> bytes:
    """All that a file holds; what it unpacks to is known piece by piece alone."""
    whole = bytearray()
    while piece := packed.read(PIECE):
        whole += piece
        check_room(len(whole), size, "unpack it")
    return bytes(whole)


def _record(line: str, at: int, file: Path, fields: tuple[str, ...]) -> dict[str, Any]:
    with reading(f"line {at} of {str(file)!r} is not JSON"):
        record = json.loads(line, object_pairs_hook=_fields)
    for name in fields:
        if not isinstance(record, dict) or not isinstance(record.get(name), str):
            raise DataError(f"line {at} of {str(file)!r} has no text under {name!r}")
    return dict(record)


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} is there more than once")
    return fields


def find_file(path: str, name: str, kind: str = "jsonl") -> Path:
    """The file ``name.jsonl``, or one that is compressed, in a folder; or the file itself where ``path`` is one.

    Args:
        path: of the folder.
        name: of the file, without its ending.
        kind: its ending.

    Raises:
        DataError: there is none.
    """
    where = user_path(path)
    if where.is_file():
        return where
    for ending in ("", *OPENERS):
        if (where / f"{name}.{kind}{ending}").is_file():
            return where / f"{name}.{kind}{ending}"
    raise DataError(
        f"there is no file {name}.{kind}, .{kind}.gz or .{kind}.xz in {str(where)!r}: path names the folder that has it"
    )
