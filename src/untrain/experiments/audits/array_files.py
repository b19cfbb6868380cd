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
from untrain.evaluation.observation import CORRECTED, SIDES

Array = np.ndarray[Any, Any]
KINDS = (".npy", ".npz", ".safetensors")
SIDE_OF = {side: side for side in (*SIDES, CORRECTED)} | dict.fromkeys(("val", "valid", "validation"), "test")


def read_outputs(source: Any, who: str) -> Array | dict[str, Array]:
    """Read outputs of models, or those of each side by its name, from whatever holds them.

    Args:
        source: an array; a mapping of arrays by side; the path of a .npy, .npz or .safetensors file with one array or one for
            each side; of a folder of .npy files, one per model, or of such folders, one per side; or ``side=PATH`` for each side,
            joined by commas.
        who: name of the models in messages.

    Raises:
        DataError: it cannot be read as plain numbers.
    """
    if isinstance(source, Mapping):
        return {_side(name, who): np.asanyarray(array) for name, array in source.items()}
    if isinstance(source, np.ndarray):
        return source
    if isinstance(source, torch.Tensor):
        return plain(source)
    if not isinstance(source, str | Path):
        raise DataError(f"{who} are {type(source).__name__}: an array or the path of a file is needed")
    text = str(source)
    if re.match(r"\w+=", text) and not Path(text).exists():
        parts = [part.partition("=") for part in text.split(",")]
        return {_side(name, who): _one(read_outputs(path, who), path) for name, _, path in parts}
    path = Path(source)
    if path.is_dir():
        return _folder(path, who)
    arrays = read_arrays(path, who)
    if path.suffix == ".npy" or (len(arrays) == 1 and not arrays.keys() & SIDE_OF.keys()):
        return next(iter(arrays.values()))
    return {_side(name, f"{who} in {path.name}"): array for name, array in arrays.items()}


def plain(tensor: torch.Tensor) -> Array:
    """A tensor as an array; bfloat16, which arrays do not know, as float32."""
    local = tensor.detach().cpu()
    return np.asarray((local.float() if local.dtype == torch.bfloat16 else local).numpy())


def _side(name: str, who: str) -> str:
    if name not in SIDE_OF:
        raise DataError(f"{who}: {name!r} is not a side; one array is needed, or one each of {', '.join(SIDE_OF)}")
    return SIDE_OF[name]


def _one(arrays: Array | dict[str, Array], path: str) -> Array:
    if isinstance(arrays, dict):
        raise DataError(f"{path} holds several arrays: one side needs one")
    return arrays


def read_arrays(path: Path, who: str) -> dict[str, Array]:
    """Read the arrays of a file by name; that of a .npy file is memory-mapped and has the file's name.

    Raises:
        DataError: the file is missing, is not of the kind that its name says, or holds Python objects.
    """
    if path.suffix not in KINDS:
        raise DataError(f"{who}: {path.name} is none of {', '.join(KINDS)}, a folder of .npy, or side=PATH joined by commas")
    try:
        if path.suffix == ".safetensors":
            return {name: plain(tensor) for name, tensor in load_file(path).items()}
        content = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(content, np.ndarray):
            arrays = {path.stem: content}
        else:
            with content:
                arrays = {name: content[name] for name in content.files}
        if isinstance(content, np.ndarray) != (path.suffix == ".npy"):
            raise ValueError(f"it is not a {path.suffix} file")
        return arrays
    except FileNotFoundError:
        raise DataError(f"{who}: there is no file {path}") from None
    except (OSError, ValueError, EOFError, MemoryError, SafetensorError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "allow_pickle" in reason or "Python objects" in reason:
            reason = "it holds Python objects, which are never unpickled: save plain numbers"
        raise DataError(f"{who}: {path.name} cannot be read as plain arrays: {reason}") from None


def _folder(path: Path, who: str) -> Array | dict[str, Array]:
    sides = {f.name: f for f in path.iterdir() if f.is_dir() and f.name in SIDE_OF}
    if sides:
        return {SIDE_OF[name]: _models(folder, who) for name, folder in sorted(sides.items())}
    return _models(path, who)


def _models(folder: Path, who: str) -> Array:
    """The .npy files of a folder and those below it, one per model, in the order of the numbers in their names."""
    files = sorted(folder.rglob("*.npy"), key=lambda f: [int(w) if w.isdigit() else w for w in re.split(r"(\d+)", str(f))])
    if not files:
        raise DataError(f"{who}: the folder {folder} holds no .npy file; each is one model")
    rows = [read_arrays(f, who)[f.stem] for f in files]
    for file, row in zip(files, rows, strict=True):
        if row.shape != rows[0].shape:
            raise DataError(f"{who}: {file.name} has shape {row.shape} and {files[0].name} {rows[0].shape}: models differ")
    return np.stack(rows)


def read_column(source: Any, name: str) -> Array:
    """Read labels, sides or ids, one per row, from an array, a list or the path of a .npy, .npz, .safetensors, .csv or .txt file.

    Raises:
        DataError: it cannot be read, or is not a single column.
    """
    if not isinstance(source, str | Path):
        return _words(plain(source) if isinstance(source, torch.Tensor) else np.asarray(source), name)
    path = Path(source)
    if path.suffix not in (".csv", ".txt"):
        arrays = read_arrays(path, name)
        if len(arrays) > 1:
            raise DataError(f"{name}: {path.name} holds {sorted(arrays)}: one array is needed")
        return _words(next(iter(arrays.values())), name)
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
    """The cells of a .csv or .txt file, without a heading."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise DataError(f"{name}: there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{name}: {path.name} cannot be read as text: {getattr(error, 'strerror', None) or 'not UTF-8'}") from None
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise DataError(f"{name}: {path.name} is not a .csv file: {error}") from None
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise DataError(f"{name}: rows of {path.name} have {min(widths)} to {max(widths)} columns: all rows need as many")
    if rows and all(word.lower() in HEADINGS for word in rows[0]):
        rows = rows[1:]
    if not rows:
        raise DataError(f"{name}: {path.name} is empty: one line per example is needed")
    return np.array(rows)


HEADINGS = frozenset({"id", "ids", "side", "sides", "label", "labels", "y", "index"})


def read_sides(source: Any) -> tuple[Array, Array | None]:
    """Read sides, and the ids before them where a .csv file has two columns."""
    if isinstance(source, str | Path) and Path(source).suffix in (".csv", ".txt"):
        table = _table(Path(source), "sides")
        if table.shape[1] == 2:
            return table[:, 1], numbered(table[:, 0])
    return read_column(source, "sides"), None


def numbered(words: Array) -> Array:
    """Whole numbers if all words are numbers, else the words."""
    if all(re.fullmatch(r"-?\d{1,18}", word, re.ASCII) for word in words.tolist()):
        return words.astype(np.int64)
    return words
