"""Published sets of texts with one label each: a part to train on, a part to test on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from untrain.core.errors import DataError
from untrain.data.examples import Examples, take
from untrain.data.noise.base import Noise
from untrain.data.readers.json_lines import find_file, read_records
from untrain.data.readers.question_answer import tokenizers_library
from untrain.data.splits import Data, Rows, balanced, balanced_or_all, stratified

SPLIT_SEED = 0
Record = dict[str, Any]


@dataclass(frozen=True)
class TextSetSource:
    """The file format of a set of texts.

    Args:
        name: of its file of JSON lines, without the ending.
        label: under which name a record has its label; the text is under 'text', the part under 'split'.
        train: what the parts to train on are called.
        test: what the parts to test on are called.
        valid: what the parts to tune on are called; without any, texts to tune on are taken from those to train on.
    """

    name: str
    label: str
    train: tuple[str, ...] = ("train",)
    test: tuple[str, ...] = ("test",)
    valid: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextSubset:
    """The part to take of a set, and how to cut it into tokens.

    Args:
        path: folder with its file, or the file.
        size: number of training examples; a tenth as many more are to tune on, and at most as many to test on. None takes all;
            of a set without a part to tune on, nine tenths to train on and one to tune on.
        vocabulary: largest number of tokens.
        length: largest number of tokens of a text; the rest is cut off.
    """

    path: str
    size: int | None
    vocabulary: int
    length: int


def load_texts(source: TextSetSource, taken: TextSubset, noise: Noise | None = None) -> Data:
    """Train, valid and test; the id of a text is its row in the part that it is from, its words are in the column 'text'.

    The vocabulary is learned from the training texts. It is part of the data, as the size of an image is: the original and
    every oracle read the same tokens, and what a vocabulary itself betrays of forgotten texts is not forgotten.

    Raises:
        DataError: the file is not available or is another, or has too few texts.
        MissingExtra: the tokenizers library is not installed.
    """
    records = read_records(find_file(taken.path, source.name), ("text", "split", source.label))
    parts = []
    for splits in filter(None, (source.train, source.valid, source.test)):
        parts.append([r for r in records if r["split"] in splits])
        if not parts[-1]:
            raise DataError(f"{source.name} has no records whose 'split' is {' or '.join(map(repr, splits))}")
    learn = parts[0]
    names = tuple(sorted({r[source.label] for r in learn}))
    strange = [r for part in parts for r in part if r[source.label] not in names]
    if strange:
        label, split = strange[0][source.label], strange[0]["split"]
        raise DataError(f"no training text of {source.name} is labelled {label!r}, and a text whose 'split' is {split!r} is")
    labels = [np.array([names.index(r[source.label]) for r in part]) for part in parts]
    if source.valid:
        tuned = None if taken.size is None else max(1, taken.size // 10)
        train, valid = balanced_or_all(labels[0], taken.size, SPLIT_SEED), balanced_or_all(labels[1], tuned, SPLIT_SEED)
    else:
        train, valid = _parts(labels[0], taken.size)
    library = tokenizers_library()
    words = library.learn([learn[row]["text"] for row in train], taken.vocabulary)
    whole = [_examples(library.encode(words, _texts(part), taken.length), _texts(part), y, names)
             for part, y in zip(parts, labels, strict=True)]  # fmt: skip
    kept, test = take(whole[0], train), take(whole[-1], balanced_or_all(labels[-1], taken.size, SPLIT_SEED))
    # Texts to tune on are from the part before the last, which without a part of their own is that to train on.
    return Data(kept if noise is None else noise.plant(kept), take(whole[-2], valid), test)


def _parts(y: Rows, size: int | None) -> list[Rows]:
    """Rows to train on and rows to tune on."""
    if size is None:
        return stratified(y, (0.9, 0.1), SPLIT_SEED)
    if size >= len(y):
        raise DataError(f"size={size}, and there are {len(y)} texts to train and tune on: ask for fewer; size=None takes all")
    train = balanced(y, size, SPLIT_SEED)
    rest = np.setdiff1d(np.arange(len(y)), train)
    return [np.sort(train), np.sort(rest[balanced(y[rest], max(1, size // 10), SPLIT_SEED)])]


def _texts(records: Sequence[Record]) -> list[str]:
    return [record["text"] for record in records]


def _examples(tokens: Any, texts: list[str], y: Rows, names: tuple[str, ...]) -> Examples:
    made = Examples({"input_ids": tokens, "y": torch.from_numpy(y)}, np.arange(len(texts)), names)
    return replace(made, columns={"text": np.array(texts)})
