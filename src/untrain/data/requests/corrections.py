"""Request for several corrections at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from untrain.core.errors import RequestError
from untrain.data.examples import Examples, joined, take
from untrain.data.fingerprint import row_hashes
from untrain.data.requests._features import places_of
from untrain.data.requests.base import Request, corrects
from untrain.data.requests.replacefeatures import ReplaceFeatures


def _corrections(parts: tuple[Request, ...]) -> tuple[Request, ...]:
    """Requests that correct, of which there is one at least."""
    if not parts:
        raise ValueError("lists no correction: list one or more, such as Relabel and ReplaceFeatures")
    wrong = [each for each in parts if not corrects(each)]
    if wrong:
        raise ValueError(f"{type(wrong[0]).__name__} deletes, and each part has to correct, as Relabel and ReplaceFeatures do")
    return parts


class Corrections(Request):
    """Several corrections as one request; each sees the data as the ones before it left them.

    >>> from untrain.data.readers.convert import examples
    >>> from untrain.data.requests.relabel import Relabel
    >>> from untrain.data.requests.replacefeatures import ReplaceFeatures
    >>> train = examples([[1.0, 5.0], [2.0, 0.0], [3.0, 7.0]], [0, 1, 0], features=("age", "income"))
    >>> both = Corrections(parts=(Relabel(ids=(1,), labels=0), ReplaceFeatures(features=("income",))))
    >>> rows = both.draw(train)
    >>> corrected = both.replacement(train, rows)
    >>> rows.tolist(), corrected.x.tolist(), corrected.y.tolist()
    ([0, 1, 2], [[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], [0, 0, 0])

    Args:
        parts: requests that correct, in their order.

    Source: the combined correction of features and labels in Warnecke et al. 2023, arXiv 2108.11577, section 3.
    """

    parts: Annotated[tuple[Request, ...], AfterValidator(_corrections)]

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows that are others after all parts.

        Raises:
            RequestError: a part cannot be drawn, or the parts undo each other in every row.
        """
        corrected, rows = self._corrected(train)
        before, after = (row_hashes(take(examples, rows)) for examples in (train, corrected))
        if np.array_equal(before, after):
            raise RequestError(f"{self!r} changes nothing: its parts undo each other")
        return np.asarray(rows[before != after])

    def replacement(self, train: Examples, rows: np.ndarray[Any, Any]) -> Examples:
        """The rows as all parts leave them."""
        return take(self._corrected(train)[0], rows)

    def everywhere(self, examples: Examples, replacement: Examples | None) -> Examples:
        """Held-out examples after each part; values are those of the rows that it replaced."""
        for part in self.parts:
            examples = part.everywhere(examples, replacement)
        return examples

    def named(self, examples: Examples) -> np.ndarray[Any, Any]:
        """Those that a part names."""
        return _union([part.named(examples) for part in self.parts])

    def _corrected(self, train: Examples) -> tuple[Examples, np.ndarray[Any, Any]]:
        """All training data after all parts, and the rows that they corrected."""
        self._refuse_twice(train)
        drawn = []
        for part in self.parts:
            rows = np.asarray(part.draw(train))
            new = part.replacement(train, rows)
            if new is None:
                raise RequestError(f"{part!r} deletes, and each part of Corrections has to correct")
            train = _with_rows(train, rows, new)
            drawn.append(rows)
        return train, _union(drawn)

    def _refuse_twice(self, train: Examples) -> None:
        """Refuse a feature of two parts: held-out data would have the value of the one or of the other."""
        features = [part.features for part in self.parts if isinstance(part, ReplaceFeatures)]
        places = np.concatenate([each for some in features for each in places_of(train, some)] or [np.zeros(0, dtype=np.int64)])
        if len(np.unique(places)) < len(places):
            raise RequestError("two parts replace the same feature: list each feature in one of them")


def _union(rows: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    return np.unique(np.concatenate(rows).astype(np.int64))


def _with_rows(examples: Examples, rows: np.ndarray[Any, Any], new: Examples) -> Examples:
    """The examples with others at some places; true labels and columns stay those of the places."""
    at = np.arange(len(examples))
    at[rows] = len(examples) + np.arange(len(rows))
    return replace(take(joined(examples, new), at), true=examples.true, columns=examples.columns)
