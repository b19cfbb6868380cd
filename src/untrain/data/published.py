"""Published sets of images: a part to train on, a part to test on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from untrain.core.errors import DataError
from untrain.core.records import Data, Examples, take
from untrain.core.roles import Noise
from untrain.data.examples import checked, reader
from untrain.data.split import Rows, balanced, stratified

if TYPE_CHECKING:
    from untrain.adapters.datasets import Pick

SPLIT_SEED = 0


def published(hub: str, path: str, size: int | None, noise: Noise | None) -> Data:
    """Train, valid and test; the id of an example is its row in the part that it is from.

    Args:
        hub: name on the Hugging Face hub, used when there is no ``path``.
        path: folder with train.parquet and test.parquet.
        size: number of training examples; a tenth as many more are to tune on, and at most as many are to test on.
            None takes nine tenths to train on, one to tune on and all to test on.
        noise: what is planted in the training labels.

    Raises:
        DataError: the data cannot be had, or are too few.
    """
    parts: list[Rows] = []

    def cut(y: Rows) -> Rows:
        parts[:] = stratified(y, (0.9, 0.1), SPLIT_SEED) if size is None else _drawn(y, size)
        return np.concatenate(parts)

    def some(y: Rows) -> Rows:
        return np.arange(len(y)) if size is None else np.sort(balanced(y, size, SPLIT_SEED))

    learn, test = _read(hub, path, "train", cut), _read(hub, path, "test", some)
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


def _read(hub: str, path: str, part: str, pick: Pick) -> Examples:
    made = reader()
    if path and not Path(path).is_dir():
        raise DataError(f"there is no folder {path!r}: path names one with train.parquet and test.parquet")
    read = made.read_parquet(str(Path(path) / f"{part}.parquet"), pick=pick) if path else made.read_hub(hub, part, pick=pick)
    return checked(read.x, read.y, read.ids, read.classes, read.columns)
