"""Data and a model of your own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import numpy as np
from pydantic import BeforeValidator, Field
from torch import nn

from untrain.core.errors import DataError
from untrain.data.augmentations.base import Augment
from untrain.data.examples import Examples, take
from untrain.data.fingerprint import print_of
from untrain.data.noise.base import Noise
from untrain.data.on_disk import OnDisk
from untrain.data.readers.base import Reader, reader_of
from untrain.data.readers.convert import examples
from untrain.data.requests.base import Request
from untrain.data.requests.random import Random
from untrain.data.splits import Data
from untrain.experiments.scenarios._set_apart import set_apart
from untrain.experiments.scenarios.base import Scenario
from untrain.models.architectures.base import Architecture
from untrain.training.base import Learner
from untrain.training.learners.train import Train
from untrain.training.steps import Steps

VALID = 0.1


def _unread(source: Any) -> Any:
    """Keep what can be read later as it is until it is loaded; make examples of all else at once."""
    return source if isinstance(source, str | Reader) else examples(source)


Apart = Annotated[float, Field(ge=0, lt=1)]
Source = Annotated[Any, BeforeValidator(_unread)]


class Custom(Scenario):
    """Your own data and model; a share of ``train`` is set apart for tuning.

    Rows that share an id stay together, and those that the request names stay in the training set.

    Args:
        train: Examples, a pair of arrays (x, y), a map-style torch Dataset, a reader such as Parquet or ImageFolder, a path
            that one of them takes, or a pair of paths of NumPy files (x.npy, y.npy).
        test: the same, to report on.
        model: an architecture, or any callable without arguments that makes a torch module.
        request: what to forget.
        noise: faults planted in the training labels.
        steps: how the model is trained.
        augment: how training images are changed each time they are seen.
        valid: share of the rows of ``train`` that is set apart; None for a tenth, and for none in an audit, since a model that was
            made elsewhere has learned from all of ``train`` that it was given.

    Source: the user.
    """

    # mypy takes the role's annotation of ``request`` for a field that comes first; a role has no fields.
    train: Source  # type: ignore[misc]
    test: Source  # type: ignore[misc]
    model: Architecture | Callable[[], nn.Module]  # type: ignore[misc]
    request: Request = Random(fraction=0.1)
    noise: Noise | None = None
    steps: Steps = Steps(lr=0.1, epochs=30)
    augment: tuple[Augment, ...] = ()
    valid: Apart | None = None

    def made_elsewhere(self) -> Custom:
        """The same scenario with nothing set apart, unless ``valid`` says how much."""
        return self if self.valid is not None else replace(self, valid=0.0)

    def spell(self, spell: Callable[[Any], str]) -> str:
        """The spelling, in which a fingerprint stands for data in memory."""
        parts = {f.name: _spelled(getattr(self, f.name), spell) for f in fields(self)}
        return f"Custom({', '.join(f'{name}={text}' for name, text in parts.items())})"

    def load(self) -> Data:
        """Train, valid and test.

        Raises:
            DataError: the parts do not match, or there is too little to set a part apart.
        """
        self._check_class_names()
        whole, test = examples(self.train), examples(self.test)
        if whole.x.shape[1:] != test.x.shape[1:] or whole.x.dtype != test.x.dtype:
            raise DataError(
                f"train holds {whole.x.dtype} inputs of shape {tuple(whole.x.shape[1:])}, test {test.x.dtype} ones of "
                f"shape {tuple(test.x.shape[1:])}: make them alike"
            )
        if whole.features and test.features and whole.features != test.features:
            raise DataError(
                f"train has the features {whole.features} and test {test.features}: give both the same columns in the same order"
            )
        categories = max(whole.categories, test.categories, key=len)
        whole, test = replace(whole, categories=categories), replace(test, categories=categories)
        share = VALID if self.valid is None else self.valid
        apart = np.isin(whole.ids, set_apart(whole, self.request, share))
        train = take(whole, np.flatnonzero(~apart))
        return Data(train if self.noise is None else self.noise.plant(train), take(whole, np.flatnonzero(apart)), test)

    def learner(self) -> Learner:
        """Training from scratch."""
        return Train(model=self.model, steps=self.steps, augment=self.augment)

    def _check_class_names(self) -> None:
        """Refuse a test set whose labels stand for other classes than those of the training set."""
        train, test = (() if reader is None else reader.class_names() for reader in map(reader_of, (self.train, self.test)))
        if train and test and train != test:
            raise DataError(
                f"train has the classes {train} and test {test}: name the same classes in the same order for both, such as "
                f"ImageFolder(path=..., classes={train})"
            )


_digests: WeakKeyDictionary[Examples, str] = WeakKeyDictionary()


def _spelled(value: Any, spell: Callable[[Any], str]) -> str:
    if isinstance(value, Examples):
        digest = _digests.get(value) or print_of(value)
        if isinstance(value.x, OnDisk):  # slow to read, and hardly changed by mistake
            _digests[value] = digest
        return repr(f"{len(value)} examples {digest[:16]}")
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return spell(value)
