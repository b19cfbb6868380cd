"""Forget the examples for which a condition holds."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.data.requests._condition import checked, holds
from untrain.data.requests.base import Request


class Where(Request):
    """All examples for which ``rule`` is true, such as ``Where("label == 3 and id < 100")``.

    Args:
        rule: comparisons, and, or, not (or & | ~ with parentheses), in, arithmetic and literals over the columns label
            (as given), id, true (where known) and those that the data bring.

    Source: none; it is how a class, a source or a period is forgotten.
    """

    rule: Annotated[str, AfterValidator(checked)]

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """The rows.

        Raises:
            RequestError: there is no such column, or the rule compares what cannot be compared.
        """
        columns = {"label": train.y.cpu().numpy(), "id": train.ids, **train.columns}
        if train.true is not None:
            columns["true"] = train.true.cpu().numpy()
        found = np.flatnonzero(np.broadcast_to(holds(self.rule, columns), (len(train),)))
        if len(found) == 0:
            raise RequestError(f"{self.rule!r} holds for none of the {len(train)} training examples")
        return found
