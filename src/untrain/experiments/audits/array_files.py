"""Outputs of models in files: .npy, .npz, .safetensors and folders of .npy; none is ever unpickled."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from untrain.core.errors import DataError
from untrain.core.paths import user_path
from untrain.data.readers.damage import reading
from untrain.data.readers.held_arrays import array_of
from untrain.data.readers.numpy_files import read_numpy
from untrain.data.readers.visible_files import visible
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
        return {_side(name, who): _outputs(array, who) for name, array in source.items()}
    if not isinstance(source, str | Path):
        return _outputs(source, who)
    text = str(source)
    if re.match(r"\w+=", text) and not os.path.exists(text):
        parts = [part.partition("=") for part in text.split(",")]
        return {_side(name, who): _one(read_outputs(path, who), path) for name, _, path in parts}
    path = user_path(source)
    if path.is_dir():
        return _folder(path, who)
    arrays = read_arrays(path, who)
    if path.suffix.lower() == ".npy" or (len(arrays) == 1 and not arrays.keys() & SIDE_OF.keys()):
        return next(iter(arrays.values()))
    return {_side(name, f"{who} in {path.name}"): array for name, array in arrays.items()}


def _outputs(source: Any, who: str) -> Array:
    """Return what users hold in memory as an array in the byte order of this machine; a list has one array for each model.

    Raises:
        DataError: it is not an array of numbers, such as a data frame, or some are masked, absent or of another shape.
    """
    several = isinstance(source, list | tuple) and source and all(isinstance(each, np.ndarray | torch.Tensor) for each in source)
    if not several and not isinstance(source, np.ndarray | torch.Tensor):
        raise DataError(f"{who} are {type(source).__name__}: an array, a tensor, or the path of a file is needed")
    if several and len({tuple(each.shape) for each in source}) > 1:
        shapes = ", ".join(str(tuple(each.shape)) for each in source[:3])
        raise DataError(f"{who} have shapes {shapes}: all models need the same")
    array = array_of(source, who)
    if array.dtype.kind == "f" and (array.dtype.itemsize > 8 or not array.dtype.isnative):
        array = array.astype(np.float64 if array.dtype.itemsize > 8 else array.dtype.newbyteorder("="))
    return array


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
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise DataError(f"{who}: {path.name} is none of {', '.join(KINDS)}, a folder of .npy, or side=PATH joined by commas")
    if not path.exists():
        raise DataError(f"{who}: there is no file {path}")
    with reading(f"{who}: {path.name} cannot be read as plain arrays"):
        if kind == ".safetensors":
            return {name: array_of(tensor, f"{who}: {name!r} in {path.name}") for name, tensor in load_file(path).items()}
        content = read_numpy(path, mapped=True)
        if isinstance(content, np.ndarray) != (kind == ".npy"):
            raise ValueError(f"it is not a {kind} file")
        return {path.stem: content} if isinstance(content, np.ndarray) else dict(content)


def _folder(path: Path, who: str) -> Array | dict[str, Array]:
    sides = {f.name: f for f in path.iterdir() if f.is_dir() and f.name in SIDE_OF}
    if sides:
        return {SIDE_OF[name]: _models(folder, who) for name, folder in sorted(sides.items())}
    return _models(path, who)


def _models(folder: Path, who: str) -> Array:
    """The .npy files of a folder and those below it, one per model, in the order of the numbers in their names."""
    there = visible((file for file in folder.rglob("*") if file.suffix.lower() == ".npy"), folder)
    files = sorted(there, key=lambda f: [int(w) if w.isdecimal() else w for w in re.split(r"(\d+)", str(f))])
    if not files:
        raise DataError(f"{who}: the folder {folder} holds no .npy file; each is one model")
    rows = [read_arrays(f, who)[f.stem] for f in files]
    for file, row in zip(files, rows, strict=True):
        if row.shape != rows[0].shape:
            raise DataError(f"{who}: {file.name} has shape {row.shape} and {files[0].name} {rows[0].shape}: models differ")
    return np.stack(rows)
