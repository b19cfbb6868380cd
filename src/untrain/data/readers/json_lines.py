"""Records of JSON lines, plain or compressed."""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

from untrain.core.errors import DataError
from untrain.core.paths import user_path

OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open}


def read_records(path: str | Path, fields: tuple[str, ...]) -> list[dict[str, Any]]:
    """The records of a file, one per line; each has at least the named fields, as texts.

    Args:
        path: a file of JSON lines, which may end in .gz or .xz.
        fields: names that every record has.

    Raises:
        DataError: the file cannot be read, or a line is something else.
    """
    file = user_path(path)
    try:
        with OPENERS.get(file.suffix, open)(file, "rt", encoding="utf-8") as lines:
            records = [_record(line, at, file, fields) for at, line in enumerate(lines, 1) if line.strip()]
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {str(file)!r}: {getattr(error, 'strerror', None) or error}") from None
    if not records:
        raise DataError(f"{str(file)!r} holds no records")
    return records


def _record(line: str, at: int, file: Path, fields: tuple[str, ...]) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        raise DataError(f"line {at} of {str(file)!r} is not JSON") from None
    for name in fields:
        if not isinstance(record, dict) or not isinstance(record.get(name), str):
            raise DataError(f"line {at} of {str(file)!r} has no text under {name!r}")
    return dict(record)


def find_file(path: str, name: str) -> Path:
    """The file ``name.jsonl``, or one that is compressed, in a folder; or the file itself where ``path`` is one.

    Raises:
        DataError: there is none.
    """
    where = user_path(path)
    if where.is_file():
        return where
    for ending in ("", *OPENERS):
        if (where / f"{name}.jsonl{ending}").is_file():
            return where / f"{name}.jsonl{ending}"
    raise DataError(f"there is no file {name}.jsonl, .jsonl.gz or .jsonl.xz in {str(where)!r}: path names the folder that has it")
