"""The sign of forgetting that needs no oracle, checked once there are oracles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.maths.unseen_likeness import EVEN, Likeness

Document = dict[str, Any]


def proxy_document(
    ours: Likeness | None, oracles: Sequence[Likeness | None], aim: float = EVEN, error: float | None = None
) -> Document | None:
    """The likeness to unseen rows of the new checkpoint and of models that never saw the forgotten ones, for JSON.

    The proxy aims at an area for models that never saw the rows: that of a surrogate, or one half where there is none. What oracles
    have on average less this aim is its bias, and their spread is how far it may be off for one model.

    >>> alike = [Likeness(area, 0.05, 0.0, 0.1, 40) for area in (0.48, 0.42, 0.46)]
    >>> print(proxy_document(alike[0], alike[1:], 0.47, 0.04)["sentence"])
    Forgotten rows beside unseen ones: 0.48 for the new checkpoint and 0.44 for models that never saw them (0.42 to 0.46), \
where without these 0.47 ± 0.04 was expected.

    Args:
        ours: of the new checkpoint; None where there are no unseen rows.
        oracles: of each oracle.
        aim: area that was expected of these without them.
        error: its standard error; None where one half was taken for granted.

    Returns:
        None where forgotten and unseen rows cannot be compared.
    """
    areas = [each.area for each in oracles if each is not None and each.compared]
    if ours is None or not ours.compared or not areas:
        return None
    mean, least, most = float(np.mean(areas)), min(areas), max(areas)
    expected = f"{aim:.2f} was taken for granted" if error is None else f"{aim:.2f} ± {error:.2f} was expected"
    sentence = (
        f"Forgotten rows beside unseen ones: {ours.area:.2f} for the new checkpoint and {mean:.2f} for models that never saw them "
        f"({least:.2f} to {most:.2f}), where without these {expected}."
    )
    beside = {"mean": mean, "aim": aim, "bias": mean - aim, "gap": ours.area - mean}
    return {"area": ours.area, "oracles": areas, **beside, "sentence": sentence}
