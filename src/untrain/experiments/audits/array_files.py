"""Arrays in files: .npy, .npz, .safetensors, .csv and folders of .npy; none is ever unpickled."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from untrain.core.errors import DataError

Array = np.ndarray[Any, Any]
KINDS = (".npy", ".npz", ".safetensors")
SIDE_OF = {"forget": "forget", "retain": "retain", "test": "test", "val": "test", "valid": "test", "validation": "test"}


def read_outputs(given: Any, who: str) -> Array | dict[str, Array]:
    """Answers of models, or those of each side by its name, of whatever holds them.

    Args:
        given: an array; a mapping of arrays by side; the path of a .npy, .npz or .safetensors file with one array or one for
            each side; of a folder of .npy files, one a model, or of such folders, one a side; or ``side=PATH`` for each side,
            joined by commas.
        who: what the models are called in a complaint.

    Raises:
        DataError: it cannot be read as plain numbers.
    """
    if isinstance(given, Mapping):
        return {_side(name, who): np.asanyarray(array) for name, array in given.items()}
    if isinstance(given, np.ndarray):
        return given
    if isinstance(given, torch.Tensor):
        return plain(given)
    if not isinstance(given, str | Path):
        raise DataError(f"{who} are {type(given).__name__}: an array or the path of a file is needed")
    text = str(given)
    if re.match(r"\w+=", text) and not Path(text).exists():
        parts = [part.partition("=") for part in text.split(",")]
        return {_side(name, who): _one(read_outputs(path, who), path) for name, _, path in parts}
    path = Path(given)
    if path.is_dir():
        return _folder(path, who)
    found = named(path, who)
    if path.suffix == ".npy" or (len(found) == 1 and not found.keys() & SIDE_OF.keys()):
        return next(iter(found.values()))
    return {_side(name, f"{who} in {path.name}"): array for name, array in found.items()}


def plain(tensor: torch.Tensor) -> Array:
    """A tensor as an array; bfloat16, which arrays do not know, as float32."""
    held = tensor.detach().cpu()
    return np.asarray((held.float() if held.dtype == torch.bfloat16 else held).numpy())


def _side(name: str, who: str) -> str:
    if name not in SIDE_OF:
        raise DataError(f"{who}: {name!r} is no side; one array is needed, or one each of {', '.join(SIDE_OF)}")
    return SIDE_OF[name]


def _one(found: Array | dict[str, Array], path: str) -> Array:
    if isinstance(found, dict):
        raise DataError(f"{path} holds several arrays: one side needs one")
    return found


def named(path: Path, who: str) -> dict[str, Array]:
    """The arrays of a file by name; that of a .npy file is memory-mapped and has the file's name.

    Raises:
        DataError: the file is missing, is not what its name says, or holds Python objects.
    """
    if path.suffix not in KINDS:
        raise DataError(f"{who}: {path.name} is none of {', '.join(KINDS)}, a folder of .npy, or side=PATH joined by commas")
    try:
        if path.suffix == ".safetensors":
            return {name: plain(tensor) for name, tensor in load_file(path).items()}
        held = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(held, np.ndarray):
            arrays = {path.stem: held}
        else:
            with held:
                arrays = {name: held[name] for name in held.files}
        if isinstance(held, np.ndarray) != (path.suffix == ".npy"):
            raise ValueError(f"it is no {path.suffix} file")
        return arrays
    except FileNotFoundError:
        raise DataError(f"{who}: there is no file {path}") from None
    except (OSError, ValueError, EOFError, MemoryError, SafetensorError, zipfile.BadZipFile) as error:
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "allow_pickle" in told or "Python objects" in told:
            told = "it holds Python objects, which are never unpickled: save plain numbers"
        raise DataError(f"{who}: {path.name} cannot be read as plain arrays: {told}") from None


def _folder(path: Path, who: str) -> Array | dict[str, Array]:
    sides = {f.name: f for f in path.iterdir() if f.is_dir() and f.name in SIDE_OF}
    if sides:
        return {SIDE_OF[name]: _models(folder, who) for name, folder in sorted(sides.items())}
    return _models(path, who)


def _models(folder: Path, who: str) -> Array:
    """The .npy files of a folder and those below it, one a model, in the order of the numbers in their names."""
    files = sorted(folder.rglob("*.npy"), key=lambda f: [int(w) if w.isdigit() else w for w in re.split(r"(\d+)", str(f))])
    if not files:
        raise DataError(f"{who}: the folder {folder} holds no .npy file, of which each would be one model")
    rows = [named(f, who)[f.stem] for f in files]
    for file, row in zip(files, rows, strict=True):
        if row.shape != rows[0].shape:
            raise DataError(f"{who}: {file.name} has shape {row.shape} and {files[0].name} {rows[0].shape}: models differ")
    return np.stack(rows)


def read_column(given: Any, name: str) -> Array:
    """Labels, sides or ids, one a row: an array, a list, or the path of a .npy, .npz, .safetensors, .csv or .txt file.

    Raises:
        DataError: it cannot be read, or is no single column.
    """
    if not isinstance(given, str | Path):
        return _words(plain(given) if isinstance(given, torch.Tensor) else np.asarray(given), name)
    path = Path(given)
    if path.suffix not in (".csv", ".txt"):
        found = named(path, name)
        if len(found) > 1:
            raise DataError(f"{name}: {path.name} holds {sorted(found)}: one array is needed")
        return _words(next(iter(found.values())), name)
    table = _table(path, name)
    if table.shape[1] != 1:
        raise DataError(f"{name}: {path.name} has {table.shape[1]} columns: one is needed")
    return numbered(table[:, 0])


def _words(array: Array, name: str) -> Array:
    if array.dtype == object:
        if not all(isinstance(word, str) for word in array.ravel()):
            raise DataError(f"{name} hold Python objects: numbers or text are needed")
        return array.astype(str)
    return np.array([b.decode("utf-8", "replace") for b in array.ravel()]) if array.dtype.kind == "S" else array


def _table(path: Path, name: str) -> Array:
    """The cells of a .csv or .txt file, a heading left out."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"{name}: there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: {path.name} cannot be read as text: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"{name}: {path.name} is no .csv file: {error}") from None
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise DataError(f"{name}: rows of {path.name} have {min(widths)} to {max(widths)} columns: each needs as many")
    if rows and all(word.lower() in HEADINGS for word in rows[0]):
        rows = rows[1:]
    if not rows:
        raise DataError(f"{name}: {path.name} is empty: one line for each example is needed")
    return np.array(rows)


HEADINGS = frozenset({"id", "ids", "side", "sides", "label", "labels", "y", "index"})


def read_sides(given: Any) -> tuple[Array, Array | None]:
    """Sides, and the ids that stand before them where a .csv file has two columns."""
    if isinstance(given, str | Path) and Path(given).suffix in (".csv", ".txt"):
        table = _table(Path(given), "sides")
        if table.shape[1] == 2:
            return table[:, 1], numbered(table[:, 0])
    return read_column(given, "sides"), None


def numbered(words: Array) -> Array:
    """Whole numbers where all words are such, else the words."""
    if all(re.fullmatch(r"-?\d{1,18}", word, re.ASCII) for word in words.tolist()):
        return words.astype(np.int64)
    return words
