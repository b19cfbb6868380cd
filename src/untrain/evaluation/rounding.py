"""Numbers of few digits: where rounding alone would tell one population of models from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from untrain.core.errors import DataError

Array = np.ndarray[Any, Any]
HALF = 2  # bytes


def check_rounding(models: Mapping[str, Array], probabilities: bool) -> tuple[str, ...]:
    """Notes on how outputs were rounded; probabilities have to be rounded alike in all populations.

    The largest margins, which are those of memorized examples, are where half precision rounds most: a probability of 0.9998 is
    one of the last below 1. If only one population was rounded, an attack would see that and call it memory.

    >>> check_rounding({"unlearned": np.zeros((1, 2, 3), np.float32), "oracles": np.zeros((4, 2, 3), np.float32)}, True)
    ()

    Args:
        models: outputs by population, as they were given.
        probabilities: whether they are probabilities, and not logits or margins.

    Raises:
        DataError: some populations are probabilities of half precision, and others are not.
    """
    types = {who: str(array.dtype) for who, array in models.items() if array.dtype.kind == "f"}
    half = [who for who in types if models[who].dtype.itemsize == HALF]
    if not half:
        return ()
    named = ", ".join(f"{who} {name}" for who, name in types.items())
    if len(half) == len(types):
        if not probabilities:
            return ()
        return ("probabilities are of half precision: losses below 0.0005 and margins above 8 nats are rounded to a few values",)
    if probabilities:
        raise DataError(
            f"probabilities were rounded differently ({named}), which an attack would take for memory: give all in the same type, "
            f"such as {types[half[0]]}, or logits"
        )
    return (f"outputs were rounded differently ({named}): a small difference may be rounding",)
