"""The sign of forgetting that needs no oracle, checked once there are oracles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from untrain.maths.unseen_likeness import EVEN, Likeness

Document = dict[str, Any]


def proxy_document(ours: Likeness | None, oracles: Sequence[Likeness | None]) -> Document | None:
    """The likeness to unseen rows of the new checkpoint and of models that never saw the forgotten ones, for JSON.

    The proxy takes one half for what retraining gives. What oracles have instead is its bias, and their spread is how far it may be
    off for one model.

    >>> alike = [Likeness(area, 0.05, 0.0, 0.1, 40) for area in (0.48, 0.42, 0.46)]
    >>> print(proxy_document(alike[0], alike[1:])["sentence"])
    Forgotten rows beside unseen ones: 0.48 for the new checkpoint and 0.44 for models that never saw them (0.42 to 0.46), \
where the choice of the method took 0.50 for granted.

    Args:
        ours: of the new checkpoint; None where there are no unseen rows.
        oracles: of each oracle.

    Returns:
        None where forgotten and unseen rows cannot be compared.
    """
    areas = [each.area for each in oracles if each is not None and each.compared]
    if ours is None or not ours.compared or not areas:
        return None
    mean, least, most = float(np.mean(areas)), min(areas), max(areas)
    sentence = (
        f"Forgotten rows beside unseen ones: {ours.area:.2f} for the new checkpoint and {mean:.2f} for models that never saw them "
        f"({least:.2f} to {most:.2f}), where the choice of the method took {EVEN:.2f} for granted."
    )
    return {"area": ours.area, "oracles": areas, "mean": mean, "bias": mean - EVEN, "gap": ours.area - mean, "sentence": sentence}
