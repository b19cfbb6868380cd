"""Request for examples that act on models alike, by a principal component of what they do."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from untrain.core.errors import RequestError
from untrain.core.fields import Keep
from untrain.data.examples import Examples
from untrain.data.requests._ranking import LEAST
from untrain.data.requests.base import Ensemble, Request
from untrain.maths.extremes import End, extremes


class PrincipalExamples(Request):
    """The ``round(fraction * n)`` of n training examples at one end of a principal component of the datamodel matrix.

    Entry (i, j) of the matrix is what training on example i does to the margin of example j: the mean over models that saw i less
    that over models that did not. Examples at one end act alike, so that a set of them changes models more than a random one. The
    sign of a component is such that the coordinate furthest from 0 is positive.

    >>> from untrain.data.readers.convert import examples
    >>> train = examples([[0.0], [1.0], [2.0]], [0, 1, 0], columns={"component 1": [0.1, -0.9, 2.3]})
    >>> PrincipalExamples(fraction=0.4).draw(train).tolist()
    [2]

    Args:
        component: which one, from 1.
        end: 'top', 'bottom', or 'both', of which the top has the odd one.
        fraction: share of the whole training set.
        seed: of the ensemble's halves and training.
        models: number of models in the ensemble; the scenario's own learner trains each on a random half.

    Source: Georgiev et al. 2024, arXiv 2410.23232; forget sets 4 to 9 of RoyRin/data-unlearning-bench@09aa166.
    """

    component: Annotated[int, Field(ge=1)] = 1
    end: End = "top"
    fraction: Keep = 0.1
    seed: Annotated[int, Field(ge=0)] = 0
    models: Annotated[int, Field(ge=LEAST)] = 512

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows of the examples at the end of the component, ascending; equals go to the lower row.

        Raises:
            RequestError: their coordinates are not known, or are not numbers; or so many cannot be taken.
        """
        name = self._column
        if name not in train.columns:
            raise RequestError(
                f"the data have no column {name!r} to draw by: give it, or let a run draw the request, which trains models for it"
            )
        values = np.asarray(train.columns[name])
        if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
            raise RequestError(
                f"the column {name!r} holds something that is not a finite number: a coordinate of each example is needed"
            )
        count = round(self.fraction * len(train))
        if not 0 < count < len(train):
            raise RequestError(f"fraction={self.fraction:g} of {len(train)} examples is {count}: some, and not all, are needed")
        return extremes(values, count, self.end)

    def named(self, examples: Examples) -> np.ndarray[Any, Any]:
        """No rows: the request draws from whatever is left to train on."""
        return np.zeros(0, dtype=np.int64)

    def ensemble(self) -> Ensemble | None:
        """Models that each see a half."""
        return Ensemble(self.models, self.seed, self._column)

    @property
    def _column(self) -> str:
        return f"component {self.component}"
