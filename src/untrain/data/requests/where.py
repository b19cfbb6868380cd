"""Request for the examples for which a condition holds."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator

from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.data.requests._condition import check_rule, holds
from untrain.data.requests.base import Request


class Where(Request):
    """All examples for which ``rule`` is true, such as ``Where("label == 3 and id < 100")``.

    >>> from untrain.data.readers.convert import examples
    >>> Where(rule="label == 0 and id > 0").draw(examples([[0.0], [1.0], [2.0]], [0, 1, 0])).tolist()
    [2]

    Args:
        rule: comparisons, and, or, not (or & | ~ with parentheses), in, arithmetic and literals over the columns label
            (as given), id, true (where known) and those of the data.

    Source: none; it selects a class, a source or a period.
    """

    rule: Annotated[str, AfterValidator(check_rule)]

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows for which the rule holds.

        Raises:
            RequestError: there is no such column, or the rule compares values of different kinds.
        """
        columns = {"label": train.y.cpu().numpy(), "id": train.ids, **train.columns}
        if train.true is not None:
            columns["true"] = train.true.cpu().numpy()
        rows = np.flatnonzero(np.broadcast_to(holds(self.rule, columns), (len(train),)))
        if len(rows) == 0:
            raise RequestError(f"{self.rule!r} holds for none of the {len(train)} training examples")
        return rows
