"""Healing: whether corrupted training examples are predicted as they should have been labelled."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Formula, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation

_IDEAL = "1; retraining on the retain set is not ideal where faults stay in it"
_WEAK = "takes labels before the fault, which are known where it was planted"
_OF = "of the training examples with a wrong label"
CLEAN = "no training example has a label that is known to be wrong"


class Healing(Evaluator):
    """Accuracy by true labels on the training examples with wrong given labels: those in the request, and those not found.

    Where only a part of the faults was found, retraining on the rest learns the others again, so it is one row among many.

    Source: Goel et al. 2024, arXiv 2402.14015 (corrective unlearning); Schoepf et al. 2025 (REM), google-deepmind/rem, whose
        tables multiply utility and healing.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"correct"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "healed_accuracy": ScoreInfo(f"share {_OF} predicted as their true labels say", "fraction", _IDEAL, _WEAK),
        "healed_found": ScoreInfo(f"the same of those in the forget set, share {_OF}", "fraction", _IDEAL, _WEAK),
        "healed_hidden": ScoreInfo(
            f"the same of those in the retain set, which were not found, share {_OF}", "fraction", _IDEAL, _WEAK
        ),
        "healed_times_test": ScoreInfo("healed accuracy times test accuracy", "fraction", _IDEAL, f"one number for two; {_WEAK}"),
    }

    def prepare(self, observation: Observation) -> Array:
        """Correctness on given and on true labels, and 1 where the two labels differ, (m, n, 3)."""
        given, true = (observation.signal("correct", true=before) for before in (False, True))
        wrong = np.broadcast_to(np.asarray(observation.labels) != np.asarray(observation.true), given.shape)
        return np.stack([given, true, wrong], axis=-1)

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Healing of all, of those found and of those not, and its product with test accuracy."""
        wrong = trial.unlearned[0, :, 2] > 0
        parts: dict[str, Measure | str] = {}
        for name, side in (("found", "forget"), ("hidden", "retain")):
            right = trial.unlearned[:, wrong & (trial.side == side), 1]
            parts[name] = Measure((Part(1, "unlearned", side, right),)) if right.size else f"no wrong label is in the {side} set"
        scores: dict[str, Measured | str] = {f"healed_{name}": part for name, part in parts.items()}
        terms = tuple(part for part in parts.values() if isinstance(part, Measure))
        test = trial.side == "test"
        if not terms or not test.any():
            reason = CLEAN if not terms else "there are no test examples"
            return scores | dict.fromkeys(("healed_accuracy", "healed_times_test"), reason)
        sizes = [np.prod(term.parts[0].values.shape[1:]) for term in terms]
        shares = np.array(sizes) / np.sum(sizes)
        on_test = Measure((Part(1, "unlearned", "test", trial.unlearned[:, test, 0]),))
        scores["healed_accuracy"] = Formula(terms, partial(_mean, shares), "fraction")
        scores["healed_times_test"] = Formula((*terms, on_test), partial(_product, shares), "fraction")
        return scores


def _mean(shares: Array, *values: Array) -> Array:
    return np.asarray(sum(share * value for share, value in zip(shares, values, strict=True)))


def _product(shares: Array, *values: Array) -> Array:
    return _mean(shares, *values[:-1]) * values[-1]
