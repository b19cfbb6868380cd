"""A check that retrained models are a fair yardstick: on the data of all models they should do as well as the originals."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from untrain.evaluation.observation import Observation
from untrain.evaluation.protocols.endpoints import TINY, Endpoint, EndpointInfo
from untrain.evaluation.protocols.margin_test import judge
from untrain.evaluation.protocols.protocol import Margin

# What is no alarm, however sure: models that saw a little more learn a little more.
_ACCURACY, _LOSS = Margin(1.0, 0.02), Margin(1.0, math.log(1.5))
_EITHER = EndpointInfo("", "", "broke", "over-forgets")  # both directions count
_LESS = replace(_EITHER, above="")  # without wrong labels the retain set may well be learned better
_LEVEL = 0.05


def alarm(original: Observation, oracle: Observation) -> str:
    """A sentence where originals and oracles differ on the retain set by more than seeds explain; else empty.

    Both were trained on the retain set, and neither was made to forget any of it. Where one learned it and the other did not, as
    by another recipe, an unstable one, another precision or another split, scores on the forget set show that difference and not
    memory. The loss shows it where accuracies are all near 1; where labels are known to be wrong, a smaller one is not an alarm.

    Args:
        original: outputs of the original models.
        oracle: outputs of the oracles, on the same examples.
    """
    retain = np.flatnonzero(np.asarray(oracle.side) == "retain")
    if not len(retain) or oracle.models < 3:
        return ""
    ours, theirs = original.at(retain), oracle.at(retain)
    if original.has("correct") and oracle.has("correct"):
        right = Endpoint("right", _EITHER, ours.signal("correct").mean(1), theirs.signal("correct").mean(1))
        if judge(right, _ACCURACY, _LEVEL, 2).says == "outside":
            shares = f"originals are right on {100 * right.ours.mean():.1f} % of the retain set and retrained models on "
            return f"{shares}{100 * right.theirs.mean():.1f} %, {_SO}"
    if original.has("loss") and oracle.has("loss"):
        logs = [np.log(np.maximum(seen.signal("loss").astype(np.float64).mean(1), TINY)) for seen in (ours, theirs)]
        noisy = bool(np.any(np.asarray(oracle.labels) != np.asarray(oracle.true)))
        loss = Endpoint("loss", _LESS if noisy else _EITHER, *logs)
        if judge(loss, _LOSS, _LEVEL, 2).says == "outside":
            ratio = math.exp(loss.theirs.mean() - loss.ours.mean())
            return f"retrained models' loss on the retain set is {ratio:.2g} times that of the originals, {_SO}"
    return ""


_SO = (
    "more apart than seeds explain, though both were trained on it: the retrained models are not a fair yardstick (another recipe, "
    "precision or split?), and what looks like memory may be how well a training run went"
)
