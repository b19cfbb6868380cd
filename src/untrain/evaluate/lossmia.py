"""Membership by loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.core.evaluator import About, Array, Evaluator, Measure, Measured, Part, Prepared
from untrain.core.records import Observation
from untrain.maths.logits import losses
from untrain.maths.roc import placements

_MEANS = (
    "probability that a forget example has a smaller loss than a test example, test examples weighted to the forget set's class mix"
)
_BELOW = "over-forgets: below what oracles show, so the forget set stands out by losses that are too large"
_WEAK = "one threshold for all examples: blind to examples that are easy in any case; a per-example attack sees more"


class LossMia(Evaluator):
    """Loss-threshold attack: area under the ROC curve of ``-loss``, forget set against test set.

    The ideal is the oracles' value, not one half: test examples differ from forget examples in more than membership.
    A value below what the oracles show means that the examples were made to stand out.

    Source: Yeom et al. 2018, arXiv 1709.01604; class matching ours.
    """

    scores: ClassVar[Mapping[str, About]] = {
        "mia_loss_auc": About(_MEANS, "probability", "the oracles' value", _WEAK, below=_BELOW),
        "mia_loss_gap": About(f"oracles' value minus the unlearned models' of: {_MEANS}", "probability", "0", _WEAK, low=-1.0),
    }

    def prepare(self, seen: Observation) -> Array:
        """Placements, (m, n), whose mean over forget plus mean over test is the area.

        The test entries are centred: they add nothing to the value and carry the test examples' share of its spread
        (DeLong et al. 1988).
        """
        loss = losses(seen.logits, seen.labels)
        forget, test = seen.side == "forget", seen.side == "test"
        out = np.full(loss.shape, np.nan)
        weights = class_weights(seen.labels[forget], seen.labels[test])
        if weights is None:
            return out
        for table, row in zip(out, loss, strict=True):
            table[forget] = placements(-row[forget], -row[test], weights)
            area = table[forget].mean()
            table[test] = weights * (1 - placements(-row[test], -row[forget]) - area)
        return out

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """The area and its gap."""
        forget, test = trial.side == "forget", trial.side == "test"
        if not forget.any() or not test.any():
            return dict.fromkeys(self.scores, "there are no forget or no test examples")
        if np.isnan(trial.oracle[:, forget]).any():
            return dict.fromkeys(
                self.scores, "the test set lacks a class of the forget set, so non-members cannot match its class mix"
            )
        ours = [Part(1, "unlearned", s, trial.unlearned[:, at]) for s, at in (("forget", forget), ("test", test))]
        theirs = [Part(1, "oracle", s, trial.oracle[:, at]) for s, at in (("forget", forget), ("test", test))]
        less = [Part(-1, "unlearned", p.side, p.values) for p in ours]
        return {"mia_loss_auc": Measure(tuple(ours)), "mia_loss_gap": Measure((*theirs, *less))}


def class_weights(members: Array, others: Array) -> Array | None:
    """Weights of ``others``, mean 1, that give them the class mix of ``members``; None when a class is missing."""
    if len(members) == 0 or len(others) == 0:
        return None
    size = int(max(members.max(), others.max())) + 1
    want = np.bincount(members, minlength=size) / len(members)
    have = np.bincount(others, minlength=size) / len(others)
    if bool(((want > 0) & (have == 0)).any()):
        return None
    return np.asarray(np.divide(want, have, out=np.zeros(size), where=have > 0)[others])
