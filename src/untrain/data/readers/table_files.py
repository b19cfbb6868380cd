"""Tables from whatever users have: text tables, JSON lines, Parquet, NumPy files, folders of images, data frames, functions."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from untrain.core import discovery
from untrain.core.errors import BadInput, DataError, MissingExtra, RequestError
from untrain.core.foreign import foreign
from untrain.core.metering import metered
from untrain.core.paths import user_path
from untrain.data.readers.base import Array
from untrain.data.readers.damage import reading
from untrain.data.readers.held_tables import held_table, plain_names, records_table
from untrain.data.readers.imagefolder import SUFFIXES, ImageFolder
from untrain.data.readers.json_lines import read_records, read_text
from untrain.data.readers.numpy_files import read_numpy
from untrain.data.readers.plain_columns import held_column
from untrain.data.readers.row_stream import is_too_large, too_large
from untrain.data.readers.text_tables import table as text_rows
from untrain.data.readers.visible_files import is_hidden
from untrain.data.tables import ColumnTable, stacked, typed

LINES = (".jsonl", ".ndjson", ".json")
TEXTS = (".csv", ".tsv", ".txt")
KNOWN = (
    "a .csv, .tsv, .parquet, .jsonl, .npz or .npy file, a folder of images with one sub-folder per class, a Hugging Face data set "
    "saved to disk, or package.module:function that returns data"
)


def read_table(source: Any, side: int | None = None, beside: Path | None = None) -> ColumnTable:
    """The rows of a source, column by column.

    Args:
        source: a path of ``KNOWN``, 'package.module:function', or what ``held_table`` takes.
        side: pixels on each side of the squares that images become; None leaves them as they are.
        beside: folder of the images that a text table names; None for its own.

    Raises:
        DataError: it cannot be read, is empty, or of no known kind.
    """
    with metered() as meter:
        made = _table(source, side, beside)
    if not len(made):
        raise DataError(f"{made.source} holds no rows: give data with at least one")
    return replace(made, notes=(*made.notes, *meter.notes))


def _table(source: Any, side: int | None, beside: Path | None = None) -> ColumnTable:
    if isinstance(source, ColumnTable):
        return source
    if not isinstance(source, str | Path):
        return held_table(source)
    path = user_path(source)
    if not path.exists():
        if ":" in str(source) and not path.suffix:
            return _made_by(str(source))
        raise DataError(f"there is no file or folder {str(source)!r}: give {KNOWN}")
    if path.is_dir():
        return _folder(path, side)
    if is_too_large(path):
        raise too_large(path)
    kind = path.name.removesuffix(path.suffix).endswith(".jsonl") or path.suffix.lower() in LINES
    readers: dict[str, Callable[[Path, int | None], ColumnTable]] = {
        **dict.fromkeys(TEXTS, _text_table), ".parquet": lambda file, s: _datasets().parquet_table(file, s),
        ".npz": _numpy, ".npy": _numpy,
    }  # fmt: skip
    read = _records if kind else readers.get(path.suffix.lower())
    if read is None:
        raise DataError(f"{str(source)!r} is of no known kind: give {KNOWN}")
    made = read(path, side)
    return _with_images(made, beside or path.parent, side) if read is _text_table else made


def _made_by(spelled: str) -> ColumnTable:
    """The data that a function of the user returns."""
    name = spelled.replace(":", ".")
    make = discovery.load_value(name)
    with foreign(spelled, draws=True):
        made = make()
    if isinstance(made, str | Path):
        return _table(made, None)
    found = held_table(made)
    return replace(found, kind=f"{found.kind} of {spelled}", source=spelled)


def _text_table(file: Path, side: int | None) -> ColumnTable:
    with reading(f"{file} cannot be read"):
        raw = file.read_bytes()
    try:
        rows = text_rows(file, raw, "a heading and one line per row")
    except RequestError as error:
        raise DataError(str(error)) from None
    widths = {len(row) for row in rows}
    if not rows:
        raise DataError(f"{file} is empty: a heading and one line per row are needed")
    if len(widths) > 1:
        odd = next(at for at, row in enumerate(rows, 1) if len(row) != len(rows[0]))
        raise DataError(f"{file}: row 1 has {len(rows[0])} columns and row {odd} has {len(rows[odd - 1])}: each needs as many")
    headed = any(word and not _is_number(word) for word in rows[0])
    heading = rows[0] if headed else [f"column {at + 1}" for at in range(len(rows[0]))]
    heading = [word or f"column {at + 1}" for at, word in enumerate(heading)]
    if len(set(heading)) < len(heading):
        twice = next(word for word in heading if heading.count(word) > 1)
        raise DataError(f"{file} has two columns {twice!r}: give each a name of its own")
    columns, empty = {}, {}
    for at, name in enumerate(heading):
        columns[name], count = typed([row[at] for row in rows[headed:]])
        if count:
            empty[name] = count
    notes = () if headed else (f"{file.name} has no heading: its columns are called 'column 1', 'column 2' and so on",)
    return ColumnTable("text table", str(file), columns, empty=empty, notes=notes)


def _is_number(word: str) -> bool:
    return typed([word])[0].dtype.kind in "if"


def _with_images(made: ColumnTable, folder: Path, side: int | None) -> ColumnTable:
    """The table with the images that a column of file names names, in its own folder."""
    for name in ("file_name", "filename", "file", "path", "image", "image_path"):
        column = made.columns.get(name)
        if column is None or column.dtype.kind != "U" or not all(Path(word).suffix.lower() in SUFFIXES for word in column.tolist()):
            continue
        inside = folder.resolve()
        files = [(folder / word).resolve() for word in column.tolist()]
        if outside := next((word for word, file in zip(column, files, strict=True) if inside not in file.parents), None):
            raise DataError(f"{made.source} names {str(outside)!r}, which is outside its folder: put the images beside the table")
        if missing := next((word for word, file in zip(column, files, strict=True) if not file.is_file()), None):
            raise DataError(f"{made.source} names the image {str(missing)!r}, and there is no such file in {str(folder)!r}")
        decode = _pillow().Decoder(side)
        images = stacked([decode.image(file, str(file)) for file in files])
        return ColumnTable(
            f"{made.kind} of images", made.source, {**made.columns, "pixels": images}, made.names, ("pixels",), made.empty
        )
    return made


def _records(file: Path, side: int | None) -> ColumnTable:
    if file.suffix.lower() == ".json" and read_text(file).lstrip()[:1] == "[":
        with reading(f"{file} is not JSON"):
            records = json.loads(read_text(file))
    else:
        records = read_records(file, ())
    if strange := next((each for each in records if not isinstance(each, dict)), None):
        raise DataError(
            f'{file}: a record is {str(strange)[:40]!r}: each has to be an object, such as {{"text": ..., "label": ...}}'
        )
    return records_table(records, "JSON lines", str(file))


def files_beside(file: Path) -> list[Path]:
    """The files with labels and ids that are read with a file of inputs, as y.npy and ids.npy are with x.npy."""
    if file.suffix.lower() != ".npy":
        return []
    names = ("y.npy", "labels.npy", "ids.npy", file.stem.replace("x", "y", 1) + ".npy")
    return [other for other in map(file.with_name, dict.fromkeys(names)) if other.is_file() and other != file]


def _numpy(file: Path, side: int | None) -> ColumnTable:
    with reading(f"{file} cannot be read"):
        loaded = read_numpy(file)
        arrays = {"x": loaded} if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded}
    if isinstance(loaded, np.ndarray):
        for other in files_beside(file):
            with reading(f"{other} cannot be read"):
                arrays["id" if other.stem == "ids" else "label"] = np.asarray(read_numpy(other))
    plain = plain_names(arrays)
    named = {plain[name]: array for name, array in arrays.items()}
    rows = {name: len(array) if array.ndim else 1 for name, array in named.items()}
    most = rows.get("x", max(rows.values()))
    kept = {name: held_column(name, array) if array.ndim == 1 else array for name, array in named.items() if rows[name] == most}
    left = sorted(set(named) - set(kept))
    notes = (f"arrays that have not {most} rows are left out: {', '.join(left)}",) if left else ()
    images = ("x",) if "x" in kept and kept["x"].ndim == 4 else ()
    return ColumnTable("NumPy file", str(file), kept, images=images, notes=notes)


def _folder(path: Path, side: int | None) -> ColumnTable:
    if any((path / name).is_file() for name in ("dataset_info.json", "state.json", "dataset_dict.json")):
        made: ColumnTable = _datasets().saved_table(path, side)
        return made
    tables = [file for file in path.iterdir() if file.suffix.lower() in (".csv", ".tsv") and not is_hidden(file, path)]
    if len(tables) == 1 and not any(each.is_dir() and not is_hidden(each, path) for each in path.iterdir()):
        return _with_images(_text_table(tables[0], side), path, side)
    reader = ImageFolder(path=str(path), side=side)
    try:
        read = reader.read()
    except DataError as error:
        if "differ in shape" not in str(error):
            raise
        return _odd_images(path, reader)
    names = reader.class_names()
    return ColumnTable(
        "folder of images", str(path), {"image": read.x, "label": read.y, "id": read.ids}, {"label": names}, ("image",)
    )


def _odd_images(path: Path, reader: ImageFolder) -> ColumnTable:
    """Images of several shapes, each as it is."""
    names = reader.class_names()
    files = [
        (label, file) for label, name in enumerate(names) for file in sorted((path / name).rglob("*"))
        if file.suffix.lower() in SUFFIXES and not is_hidden(file, path)
    ]  # fmt: skip
    decode = _pillow().Decoder(None)
    images = stacked([decode.image(file, str(file)) for _, file in files])
    ids = np.array([file.relative_to(path).as_posix() for _, file in files])
    columns: dict[str, Array] = {"image": images, "label": np.array([label for label, _ in files]), "id": ids}
    return ColumnTable("folder of images", str(path), columns, {"label": names}, ("image",))


def _pillow() -> ModuleType:
    try:
        from untrain.data.readers import pillow
    except ModuleNotFoundError as error:
        raise MissingExtra(f"reading images needs {error.name}, which is not installed: pip install 'untrain[data]'") from None
    return pillow


def _datasets() -> ModuleType:
    try:
        from untrain.data.readers import dataset_tables
    except ModuleNotFoundError as error:
        raise MissingExtra(f"reading this needs {error.name}, which is not installed: pip install 'untrain[data]'") from None
    return dataset_tables


def is_path(source: Any) -> bool:
    """Return whether a source is a file or folder that is there, whose bytes have a digest."""
    try:
        return isinstance(source, str | Path) and user_path(source).exists()
    except BadInput:
        return False
