"""Request to correct the labels of some examples."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import AfterValidator
from torch import Tensor

from untrain.core.errors import RequestError
from untrain.data.examples import Examples, take
from untrain.data.requests._rows_by_id import each_named, rows_with_ids
from untrain.data.requests.base import Request, chooses

Label = int | float


class Relabel(Request):
    """Correct the labels of some examples: the model is to forget the old ones and learn the new ones.

    >>> from untrain.data.readers.convert import examples
    >>> train, correct = examples([[0.0], [1.0], [2.0]], [0, 1, 0]), Relabel(ids=(2,), labels=(1,))
    >>> correct.replacement(train, correct.draw(train)).y.tolist()
    [1]

    Labels that were flipped, as far as they are found, become what they were:

    >>> from untrain.data.noise.flip import Flip
    >>> from untrain.data.requests.mislabelled import Mislabelled
    >>> noisy, correct = Flip(rate=0.5).plant(train), Relabel(rows=Mislabelled(), labels="true")
    >>> rows = correct.draw(noisy)
    >>> bool((correct.replacement(noisy, rows).y == train.y[rows]).all())
    True

    Args:
        ids: the ids, whole numbers or text as in the data.
        labels: the right label of each, in the same order, or one for all: a number of a class, or of data without classes the
            target itself; 'true' for those that the data know as true.
        rows: chooses the training rows instead of ids, of the data as they are: no models are trained for it. Labels are then
            one for all, or 'true'.

    Source: the correction of labels as unlearning in Warnecke et al. 2023, arXiv 2108.11577, section 3; of those that were found:
        Goel et al. 2024, arXiv 2402.14015.
    """

    ids: tuple[int | str, ...] = ()
    labels: Label | tuple[Label, ...] | Literal["true"] = "true"
    rows: Annotated[Request | None, AfterValidator(chooses)] = None

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows of the ids, or those that ``rows`` chooses, whose label is another one; an id names every row that has it.

        Raises:
            RequestError: there are both ids and ``rows``, there is not one label per id, a label is not a class, an id is not in
                the training data, or all labels are what they should be.
        """
        if self.rows is not None and (self.ids or isinstance(self.labels, tuple)):
            raise RequestError("rows= chooses the examples: leave ids out, and give one label for all, or labels='true'")
        if isinstance(self.labels, tuple):
            if len(self.ids) != len(self.labels):
                raise RequestError(f"{len(self.ids)} ids and {len(self.labels)} labels: one label per id is needed, or one for all")
            self._check(train, self.labels)
        elif self.labels != "true":
            self._check(train, (self.labels,))
        elif train.true is None:
            raise RequestError("the true labels are not known: give labels, or data that carry them, such as with noise=Flip()")
        rows = self._chosen(train)
        some = take(train, rows)
        changes = (some.y[:].cpu() != self._labels(train, some)[:].cpu()).numpy().reshape(len(rows), -1).any(1)
        if not changes.any():
            raise RequestError(f"{self!r} changes nothing: all of {len(rows)} examples have these labels")
        return np.asarray(rows[changes])

    def replacement(self, train: Examples, rows: np.ndarray[Any, Any]) -> Examples:
        """The rows with their new labels."""
        corrected = take(train, rows)
        return corrected.with_targets(self._labels(train, corrected).to(corrected.y.device))

    def named(self, examples: Examples) -> np.ndarray[Any, Any]:
        """Those of the ids; where ``rows`` chooses, those that it names."""
        return self._chosen(examples) if self.rows is None else self.rows.named(examples)

    def _chosen(self, train: Examples) -> np.ndarray[Any, Any]:
        return rows_with_ids(train, self.ids, "the request") if self.rows is None else np.asarray(self.rows.draw(train))

    def _labels(self, train: Examples, corrected: Examples) -> Tensor:
        if isinstance(self.labels, tuple):
            label_of = dict(zip(each_named(train, self.ids, "the request"), self.labels, strict=True))
            return torch.tensor([label_of[each] for each in corrected.ids.tolist()], dtype=train.y.dtype)
        if not isinstance(self.labels, str):
            return torch.full((len(corrected),), self.labels, dtype=train.y.dtype)
        return corrected.y if corrected.true is None else corrected.true  # draw refuses data without them

    def _check(self, train: Examples, labels: tuple[Label, ...]) -> None:
        """Refuse labels that the targets cannot have."""
        if train.y.ndim != 1:
            raise RequestError(f"targets have shape {tuple(train.y.shape)}: labels that are corrected are one number per example")
        if not train.classes:
            return
        wrong = [label for label in labels if isinstance(label, float) or not 0 <= label < train.classes]
        if wrong:
            raise RequestError(f"label {wrong[0]} is not a class: there are classes 0 to {train.classes - 1}")
