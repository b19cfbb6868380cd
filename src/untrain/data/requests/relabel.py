"""Request to correct the labels of some examples."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from untrain.core.errors import RequestError
from untrain.data.examples import Examples, take
from untrain.data.requests._rows_by_id import each_named, rows_with_ids
from untrain.data.requests.base import Request


class Relabel(Request):
    """Give some examples other labels: the model is to forget the old ones and learn the new ones.

    >>> from untrain.data.readers.convert import examples
    >>> train, correct = examples([[0.0], [1.0], [2.0]], [0, 1, 0]), Relabel(ids=(2,), labels=(1,))
    >>> correct.replacement(train, correct.draw(train)).y.tolist()
    [1]

    Args:
        ids: the ids, whole numbers or text as in the data.
        labels: the right label of each id, in the same order.

    Source: the correction of labels as unlearning in Warnecke et al. 2023, arXiv 2108.11577, section 3.
    """

    ids: tuple[int | str, ...]
    labels: tuple[int, ...]

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows of the ids; an id names every row that has it.

        Raises:
            RequestError: there is not one label per id, a label is not a class, or an id is not in the training data.
        """
        if len(self.ids) != len(self.labels):
            raise RequestError(f"{len(self.ids)} ids and {len(self.labels)} labels: one label per id is needed")
        wrong = [label for label in self.labels if not 0 <= label < train.classes]
        if wrong:
            raise RequestError(f"label {wrong[0]} is not a class: there are classes 0 to {train.classes - 1}")
        return rows_with_ids(train, self.ids, "the request")

    def replacement(self, train: Examples, rows: np.ndarray[Any, Any]) -> Examples:
        """The rows with their new labels."""
        label_of = dict(zip(each_named(train, self.ids, "the request"), self.labels, strict=True))
        corrected = take(train, rows)
        new = torch.tensor([label_of[each] for each in corrected.ids.tolist()], dtype=torch.int64)
        return corrected.with_targets(new.to(corrected.y.device))
