"""Data and model of one's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import numpy as np
from pydantic import BeforeValidator
from torch import nn

from untrain.core.errors import DataError, RequestError
from untrain.data.augmentations.base import Augment
from untrain.data.examples import Examples, take
from untrain.data.fingerprint import array_digest
from untrain.data.noise.base import Noise
from untrain.data.on_disk import OnDisk
from untrain.data.readers.convert import examples
from untrain.data.readers.parquet import Parquet
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.data.splits import Data, Rows
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.base import Architecture
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import Steps

VALID = 0.1
SPLIT_SEED = 0


def _held(source: Any) -> Any:
    """Files stay names until they are loaded; all else becomes examples at once."""
    return source if isinstance(source, str | Parquet) else examples(source)


Source = Annotated[Any, BeforeValidator(_held)]


class Custom(Scenario):
    """Data and a model of one's own; a tenth of ``train`` is set apart to tune on.

    Rows that share an id stay together, and those that the request names stay in the training set.

    Args:
        train: Examples, a pair of arrays (x, y), a map-style torch Dataset, a Parquet, the path of a Parquet file, or a
            pair of paths of NumPy files (x.npy, y.npy).
        test: the same, to report on.
        model: an architecture, or any callable without arguments that makes a torch module.
        request: what is to be forgotten.
        noise: what is planted in the training labels.
        steps: how the model is trained.
        augment: how training images are changed each time they are seen.

    Source: the user.
    """

    train: Source
    test: Source
    model: Architecture | Callable[[], nn.Module]
    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    steps: Steps = Steps(lr=0.1, epochs=30)
    augment: tuple[Augment, ...] = ()

    def spell(self, spell: Callable[[Any], str]) -> str:
        """The spelling, in which data held in memory stand by their fingerprint."""
        parts = {f.name: _told(getattr(self, f.name), spell) for f in fields(self)}
        return f"Custom({', '.join(f'{name}={text}' for name, text in parts.items())})"

    def load(self) -> Data:
        """Train, valid and test.

        Raises:
            DataError: the parts do not go together, or there is too little to set a part apart.
        """
        given, test = examples(self.train), examples(self.test)
        if given.x.shape[1:] != test.x.shape[1:] or given.x.dtype != test.x.dtype:
            raise DataError(
                f"train holds {given.x.dtype} inputs of shape {tuple(given.x.shape[1:])}, test {test.x.dtype} ones of "
                f"shape {tuple(test.x.shape[1:])}: make them alike"
            )
        classes = max(given.classes, test.classes)
        given, test = replace(given, classes=classes), replace(test, classes=classes)
        apart = np.isin(given.ids, self._apart(given))
        train = take(given, np.flatnonzero(~apart))
        return Data(train if self.noise is None else self.noise.plant(train), take(given, np.flatnonzero(apart)), test)

    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.model, steps=self.steps, augment=self.augment)

    def _apart(self, given: Examples) -> Rows:
        """Ids to set apart: drawn until they hold their share of the rows, those that are asked for left out."""
        ids, counts = np.unique(given.ids, return_counts=True)
        if len(ids) < 2:
            raise DataError(f"all {len(given)} rows of train bear the id {ids[0].item()!r}: a part to tune on needs others")
        order = np.random.default_rng(SPLIT_SEED).permutation(len(ids))
        order = order[~np.isin(ids[order], self._named(given))]
        enough = int(np.searchsorted(np.cumsum(counts[order]), VALID * len(given))) + 1
        return np.asarray(ids[order[: min(enough, len(ids) - 1)]])

    def _named(self, given: Examples) -> Rows:
        try:
            return np.asarray(given.ids[self.request.named(given)])
        except RequestError:  # told when the request is made, on the training set
            return given.ids[:0]


_digests: WeakKeyDictionary[Examples, str] = WeakKeyDictionary()


def _told(value: Any, spell: Callable[[Any], str]) -> str:
    if isinstance(value, Examples):
        digest = _digests.get(value) or array_digest(value.x, value.y, value.ids)
        if isinstance(value.x, OnDisk):  # which is long to read, and no one changes by mistake
            _digests[value] = digest
        return repr(f"{len(value)} examples {digest[:16]}")
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return spell(value)
