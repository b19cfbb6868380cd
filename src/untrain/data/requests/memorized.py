"""Request for the examples that models memorize most, or least."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from untrain.core.fields import Keep
from untrain.data.examples import Examples
from untrain.data.requests._ranking import LEAST, Order, Others, RequestRanking, select_by_rank
from untrain.data.requests.base import Ensemble, Request


class Memorized(Request):
    """The ``round(fraction * n)`` of n training examples with the largest ``P[right | seen] - P[right | not seen]``.

    With ``order='least'`` those with the smallest. Where the task has no classes, its own ``success`` counts instead of being
    right: the likelihood of an answer or of a number, in [0, 1].

    >>> from untrain.data.readers.convert import examples
    >>> train = examples([[0.0], [1.0], [2.0]], [0, 1, 0], columns={"memorization": [0.1, 0.9, 0.3]})
    >>> Memorized(fraction=0.4).draw(train).tolist()
    [1]

    Args:
        fraction: share of the whole training set, whatever the classes.
        order: whether to forget the 'most' or the 'least' memorized examples.
        classes: labels, as given, to take from; empty takes from all.
        seed: of the ensemble's halves and training, and of the lots that decide between equals.
        models: number of models in the ensemble; the scenario's own learner trains each on a random half.
        scores: file of scores by id instead of an ensemble: .csv, .npz, or .npy; empty takes the column 'memorization' of the
            data where there is one, else an ensemble.
        others: whether to refuse or ignore scores in the file for ids that the training data lack.

    Source: Feldman and Zhang 2020, arXiv 2008.03703, eq. 1.
    Departs: values below 0 count as 0; equals are drawn by lot; tasks without classes.
    """

    fraction: Keep = 0.1
    order: Order = "most"
    classes: tuple[int, ...] = ()
    seed: Annotated[int, Field(ge=0)] = 0
    models: Annotated[int, Field(ge=LEAST)] = 64
    scores: str = ""
    others: Others = "refuse"

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows of the most, or the least, memorized examples.

        Raises:
            RequestError: the scores are not known, or are not scores; a class does not exist, or holds too few examples.
        """
        return select_by_rank(train, RequestRanking(self.order, self.fraction, self.classes, self.seed), self.scores, self.others)

    def named(self, examples: Examples) -> np.ndarray[Any, Any]:
        """No rows: the request draws from whatever is left to train on."""
        return np.zeros(0, dtype=np.int64)

    def ensemble(self) -> Ensemble | None:
        """Models that each see a half, where no file has the scores."""
        return None if self.scores else Ensemble(self.models, self.seed)
