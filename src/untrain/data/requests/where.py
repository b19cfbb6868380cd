"""Request for the examples for which a condition holds."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import AfterValidator

from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.data.requests._condition import check_rule, holds, names_in
from untrain.data.requests.base import Request


class Where(Request):
    """All examples for which ``rule`` is true, such as ``Where("label == 3 and id < 100")``.

    >>> from untrain.data.readers.convert import examples
    >>> Where(rule="label == 0 and id > 0").draw(examples([[0.0], [1.0], [2.0]], [0, 1, 0])).tolist()
    [2]

    Args:
        rule: comparisons, and, or, not (or & | ~ with parentheses), in, arithmetic and literals over the columns label
            (as given, where it is one number), id, true and owner (where known) and those of the data.

    Source: none; it selects a class, a source or a period.
    """

    rule: Annotated[str, AfterValidator(check_rule)]

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """Rows for which the rule holds.

        Raises:
            RequestError: there is no such column, or the rule compares values of different kinds.
        """
        rows = np.flatnonzero(np.broadcast_to(holds(self.rule, columns_of(train)), (len(train),)))
        if len(rows) == 0:
            raise RequestError(f"{self.rule!r} holds for none of the {len(train)} training examples")
        return rows

    def covers(self, held_out: Examples) -> np.ndarray[Any, Any] | None:
        """Mark the held-out examples for which the rule holds; None where it is about ids, owners, or a column that they lack.

        >>> from untrain.data.readers.convert import examples
        >>> Where(rule="label == 0").covers(examples([[0.0], [1.0], [2.0]], [0, 1, 0])).tolist()
        [True, False, True]
        """
        columns, wanted = columns_of(held_out), names_in(self.rule)
        if wanted & {"id", "owner"} or not wanted <= columns.keys():
            return None
        return np.broadcast_to(holds(self.rule, columns), (len(held_out),))


def columns_of(train: Examples) -> dict[str, np.ndarray[Any, Any]]:
    """Columns that a rule may name: labels, as given and true, only where a target is one number per example."""
    columns = {"id": train.ids, **train.columns}
    if train.owner is not None:
        columns["owner"] = train.owner
    given = train.y if len(train.fields) > 1 else None
    for name, target in (("label", given), ("true", train.true)):
        if isinstance(target, torch.Tensor) and target.ndim == 1:
            columns[name] = target.cpu().numpy()
    return columns
