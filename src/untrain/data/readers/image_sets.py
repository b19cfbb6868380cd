"""Published sets of images: a part to train on, a part to test on."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from untrain.core.code_digest import own_file_digest
from untrain.core.errors import DataError
from untrain.core.file_digests import file_digest
from untrain.core.paths import user_path
from untrain.data.examples import Examples, take
from untrain.data.noise.base import Noise
from untrain.data.readers.convert import from_arrays
from untrain.data.readers.image_cache import decode_once
from untrain.data.readers.parquet import datasets_adapter
from untrain.data.splits import Data, Rows, balanced, balanced_or_all, stratified

SPLIT_SEED = 0
Pick = Callable[[Rows], Rows]


@dataclass(frozen=True)
class ImageSetSource:
    """Place of a set, and the form that it has there.

    Args:
        hub: its name on the Hugging Face hub.
        classes: how many it has.
        config: name of its configuration; None if there is one.
        test: name of the part to test on at the hub; a local one may be called 'test' as well.
        label: names that the column of labels may have.
        side: pixels on each side of the squares that images become; None leaves them as they are.
    """

    hub: str
    classes: int
    config: str | None = None
    test: str = "test"
    label: tuple[str, ...] = ("label",)
    side: int | None = None


@dataclass(frozen=True)
class Subset:
    """Part of a set, and where to get it.

    Args:
        path: folder with its Parquet files; empty asks the hub.
        size: number of training examples; a tenth as many more are to tune on, and at most as many are to test on.
            None takes nine tenths to train on, one to tune on and all to test on.
        on_disk: folder where decoded images are kept and stay; empty holds them in memory.
    """

    path: str = ""
    size: int | None = None
    on_disk: str = ""


def load_image_set(source: ImageSetSource, taken: Subset, noise: Noise | None = None) -> Data:
    """Train, valid and test; the id of an example is its row in the part that it is from.

    Args:
        source: the set.
        taken: the part of it.
        noise: faults planted in the training labels.

    Raises:
        DataError: the data cannot be loaded, have other classes than they should, or are too few.
    """
    size, parts = taken.size, list[Rows]()

    def cut(y: Rows) -> Rows:
        parts[:] = stratified(y, (0.9, 0.1), SPLIT_SEED) if size is None else _drawn(y, size)
        return np.concatenate(parts)

    def some(y: Rows) -> Rows:
        return balanced_or_all(y, size, SPLIT_SEED)

    learn, test = _read(source, taken, "train", cut), _read(source, taken, source.test, some)
    if test.x.shape[1:] != learn.x.shape[1:]:
        raise DataError(f"training images have shape {tuple(learn.x.shape[1:])}, test images {tuple(test.x.shape[1:])}")
    train, valid = take(learn, np.arange(len(parts[0]))), take(learn, np.arange(len(parts[0]), len(learn)))
    return Data(train if noise is None else noise.plant(train), valid, test)


def _drawn(y: Rows, size: int) -> list[Rows]:
    """``size`` rows to train on and up to a tenth as many others to tune on, classes balanced."""
    if size >= len(y):
        raise DataError(f"size={size}, and there are {len(y)} examples to train and tune on: ask for fewer; size=None takes all")
    train = balanced(y, size, SPLIT_SEED)
    rest = np.setdiff1d(np.arange(len(y)), train)
    valid = rest[balanced(y[rest], max(1, size // 10), SPLIT_SEED)]
    return [np.sort(train), np.sort(valid)]


def _read(source: ImageSetSource, taken: Subset, part: str, pick: Pick) -> Examples:
    folder = user_path(taken.path)
    files = parquets(folder, part, *(["test"] if part == source.test else [])) if taken.path else []

    def read(**how: Any) -> Any:
        adapter = datasets_adapter()
        wanted = adapter.Wanted(label=source.label, side=source.side)
        if files:
            arrays = adapter.read_parquet([str(file) for file in files], wanted, **how)
        else:
            arrays = adapter.read_hub(source.hub, source.config, part, wanted, **how)
        if arrays.classes not in (None, source.classes):
            raise DataError(f"{taken.path or source.hub} has {arrays.classes} classes; {source.hub} has {source.classes}")
        return arrays._replace(classes=source.classes)

    if not taken.on_disk:
        some = read(pick=pick)
        return from_arrays(some.x, some.y, some.ids, some.classes, some.columns)
    whole = decode_once(
        taken.on_disk, f"{source} {part} {[_digest(file) for file in files]} {_how()}", lambda hold: read(hold=hold)
    )
    return take(whole, pick(whole.y.numpy()))


def _digest(file: Path) -> str:
    """Digest of all that a file holds: its name and times may be those of another."""
    try:
        return file_digest(file)
    except OSError as error:
        raise DataError(f"cannot read {str(file)!r}: {error.strerror or error}") from None


def _how() -> str:
    """Digest of the code that decodes images; it is not imported, as a cached set needs none of it."""
    own = [own_file_digest(f"untrain.data.readers.{name}") for name in ("datasets", "arrow_columns", "pillow")]
    with suppress(PackageNotFoundError):
        own.append(version("pillow"))
    return " ".join(own)


def parquets(folder: Path, *names: str) -> list[Path]:
    """The file ``name.parquet`` of a folder, or all of ``name-00000-of-00002.parquet`` and so on, of the first name there is.

    Raises:
        DataError: there is no such folder or file, or some of several are missing.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder {str(folder)!r}: path names one with Parquet files such as {names[0]}.parquet")
    for name in names:
        if (folder / f"{name}.parquet").exists():
            return [folder / f"{name}.parquet"]
        shards = [file.name for file in folder.iterdir() if re.fullmatch(rf"{name}-\d{{5}}-of-\d{{5}}\.parquet", file.name)]
        if shards:
            return _all(folder, name, sorted(shards))
    names_tried = " or ".join(repr(str(folder / f"{name}.parquet")) for name in dict.fromkeys(names))
    raise DataError(f"there is no file {names_tried}, nor parts of it as in {names[0]}-00000-of-00002.parquet")


def _all(folder: Path, name: str, shards: list[str]) -> list[Path]:
    count = int(shards[0].rpartition("-")[2].removesuffix(".parquet"))
    whole = [f"{name}-{at:05d}-of-{count:05d}.parquet" for at in range(count)]
    missing, strange = sorted(set(whole) - set(shards)), sorted(set(shards) - set(whole))
    if missing:
        raise DataError(f"{folder} lacks {missing[0]}: {len(missing)} of {count} files are not there")
    if strange:
        raise DataError(f"{folder} holds {strange[0]} besides {count} files named ...-of-{count:05d}: keep those of one set")
    return [folder / file for file in whole]
