"""Forget the examples for which a condition holds."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import AfterValidator

from untrain.core.errors import RequestError
from untrain.data.examples import Examples
from untrain.data.requests._condition import checked, holds
from untrain.data.requests.base import Request


class Where(Request):
    """All examples for which ``rule`` is true, such as ``Where("label == 3 and id < 100")``.

    Args:
        rule: comparisons, and, or, not (or & | ~ with parentheses), in, arithmetic and literals over the columns label
            (as given, where it is one number), id, true and owner (where known) and those that the data bring.

    Source: none; it is how a class, a source or a period is forgotten.
    """

    rule: Annotated[str, AfterValidator(checked)]

    def draw(self, train: Examples) -> np.ndarray[Any, Any]:
        """The rows.

        Raises:
            RequestError: there is no such column, or the rule compares what cannot be compared.
        """
        found = np.flatnonzero(np.broadcast_to(holds(self.rule, columns_of(train)), (len(train),)))
        if len(found) == 0:
            raise RequestError(f"{self.rule!r} holds for none of the {len(train)} training examples")
        return found


def columns_of(train: Examples) -> dict[str, np.ndarray[Any, Any]]:
    """The columns that a rule may name: labels, as given and true, only where a target is one number per example."""
    columns = {"id": train.ids, **train.columns}
    if train.owner is not None:
        columns["owner"] = train.owner
    given = train.y if len(train.fields) > 1 else None
    for name, target in (("label", given), ("true", train.true)):
        if isinstance(target, torch.Tensor) and target.ndim == 1:
            columns[name] = target.cpu().numpy()
    return columns
