"""Request to replace features of some examples, or of all data."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import AfterValidator
from torch import Tensor

from untrain.core.errors import RequestError
from untrain.data.examples import Examples, take
from untrain.data.requests._features import columns_at, places_of, values_of, with_values
from untrain.data.requests.base import Request, chooses

Fill = float | Literal["mean"]


def _lists(features: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Features, of which there is one at least."""
    if not features:
        raise ValueError("lists no feature: list at least one, by its name or by its place")
    return features


class ReplaceFeatures(Request):
    """Replace values of features: the model is to forget the old values.

    Without ``rows`` the features go everywhere: from all training rows, and alike from validation and test data, so that
    models see what they can see from then on. With ``rows`` only these training rows change.

    Forget set are the training rows in which a value changes, and no others. A row that has the new values already stays. A
    feature that others tell, such as one column of a one-hot expansion, is forgotten only if these are listed too.

    >>> from untrain.data.readers.convert import examples
    >>> train = examples([[1.0, 5.0], [2.0, 0.0], [3.0, 7.0]], [0, 1, 0], features=("age", "income"))
    >>> everywhere = ReplaceFeatures(features=("income",))
    >>> everywhere.draw(train).tolist()
    [0, 2]
    >>> everywhere.replacement(train, everywhere.draw(train)).x.tolist()
    [[1.0, 0.0], [3.0, 0.0]]

    Args:
        features: names of numbers of a row of inputs, or places, counted from 0 in the row as one flat list. A name stands for
            all places that have it.
        fill: what comes in their place: a number, or 'mean', for all or one for each feature. A mean is that of the training
            rows that ``rows`` does not choose, so it reveals nothing of those that it does; of all without others.
        rows: chooses the training rows to change, of the data as they are: no models are trained for it. None changes all data.

    Source: the unlearning of features in Warnecke et al. 2023, arXiv 2108.11577, section 3: values are replaced, or set to 0.
    Departs: test data change with the training data where a feature goes everywhere.
    """

    features: Annotated[tuple[str | int, ...], AfterValidator(_lists)]
    fill: Fill | tuple[Fill, ...] = 0.0
    rows: Annotated[Request | None, AfterValidator(chooses)] = None

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows in which a value changes.

        Raises:
            RequestError: a feature does not exist, the inputs cannot have such a value, or nothing would change.
        """
        chosen = self._chosen(train)
        places, values = self._values(train, chosen)
        old = take(train, chosen).x
        differs = [(block != values.to(block.device)).any(1).cpu() for block in columns_at(old, places)]
        rows = np.asarray(chosen[torch.cat(differs).numpy()])
        if len(rows) == 0:
            raise RequestError(f"{self!r} changes nothing: the features have these values in all of {len(chosen)} training rows")
        return rows

    def replacement(self, train: Examples, rows: np.ndarray[Any, Any]) -> Examples:
        """The rows with their new values."""
        some = take(train, rows)
        return some.with_inputs(with_values(some.x, *self._values(train, self._chosen(train))))

    def everywhere(self, examples: Examples, replacement: Examples | None) -> Examples:
        """Validation or test examples with the values of the replaced training rows, where the features go everywhere."""
        if self.rows is not None or replacement is None:
            return examples
        places = np.concatenate(places_of(replacement, self.features))
        (values,) = next(columns_at(replacement.x[:1], places))
        return examples.with_inputs(with_values(examples.x, places, values))

    def named(self, examples: Examples) -> np.ndarray[Any, Any]:
        """Those that ``rows`` names; none where all data change, whatever is set apart."""
        return np.zeros(0, dtype=np.int64) if self.rows is None else self.rows.named(examples)

    def _chosen(self, train: Examples) -> np.ndarray[Any, Any]:
        return np.arange(len(train)) if self.rows is None else np.asarray(self.rows.draw(train))

    def _values(self, train: Examples, chosen: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], Tensor]:
        """Places in a row, and the value of each."""
        places = places_of(train, self.features)
        fills = self.fill if isinstance(self.fill, tuple) else (self.fill,) * len(places)
        if len(fills) != len(places):
            raise RequestError(f"{len(places)} features and {len(fills)} fills: give one for all, or one for each")
        each = [fill for fill, own in zip(fills, places, strict=True) for _ in own]
        flat = np.concatenate(places)
        return flat, values_of(train, chosen, flat, each)
