"""A test of whether unlearning wrong facts brings the right ones back."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.core.fields import Share
from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.metrics._probes import any_correct, mean_loss
from untrain.evaluation.observation import SIDES, Observation

_SAID = "a model says an answer where each of its tokens, and its end, is the likeliest after those before"
_WEAK = f"{_SAID}: an answer in other words counts as another"
_LOG = "the mean log-probability of a token, over an answer's tokens and over the answers"
_LOW = "does not restore: fewer right answers come back than retrained models know"
_HIGH = "remembers: wrong answers are still said where retrained models do not say them"


def _share(means: str, **verdict: object) -> ScoreInfo:
    return ScoreInfo(means, "fraction", "the oracles' value", _WEAK, **verdict)  # type: ignore[arg-type]


class Recovery(Evaluator):
    """Share of corrupted facts for which the model says the right answer, the planted one or neither, and which is likelier.

    It needs the probe 'clean', of accepted answers, and takes 'corrupted', of planted ones, and 'other', of further wrong ones,
    where they are there; their examples have the ids of those that they are about. Where no planted answer is known, an answer is
    right or not right: 'known_test' is then what there is to say. Facts that nobody corrupted are beside them, on
    the retain and on the test set. Log-probabilities of right answers are means over all accepted ones, those that nobody taught
    too.

    Args:
        tuning: share of the corrupted facts, the same for all methods, that has a score of its own to choose settings by,
            ``recovered_tuning``; the other scores leave it out.

    Source: Rezaei et al. 2024, arXiv 2411.00204, section 3.
    Departs: answers are compared word by word and greedily, where theirs are drawn and judged by a language model.
    """

    tuning: Share = 0.0

    needs: ClassVar[frozenset[str]] = frozenset({"correct", "loss", "probe:clean"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "recovered": _share("share of corrupted facts to which the right answer is said", below=_LOW, margin=0.05),
        "still_corrupted": _share("share of corrupted facts to which the planted answer is said", above=_HIGH, margin=0.05),
        "neither": _share("share of corrupted facts to which neither the right nor the planted answer is said"),
        "recovered_tuning": _share("share of the corrupted facts set apart for tuning to which the right answer is said"),
        "known_retain": _share("share of facts in the retain set to which the right answer is said"),
        "known_test": _share("share of facts in the test set to which the right answer is said"),
        "prefers_right": _share(f"share of corrupted facts of which the right answers have the higher log-probability: {_LOG}"),
        "right_over_planted": ScoreInfo(
            f"log-probability of the right answers minus that of the planted one, mean over corrupted facts: {_LOG}",
            "nats", "the oracles' value", _WEAK, low=-np.inf, high=np.inf,
        ),
        "right_over_other": ScoreInfo(
            f"log-probability of the right answers minus that of others of the same property, mean over corrupted facts: {_LOG}",
            "nats", "the oracles' value", _WEAK, low=-np.inf, high=np.inf,
        ),
    }  # fmt: skip

    def prepare(self, observation: Observation) -> Array:
        """Right answer said, planted answer said, log-probabilities of the right ones above the planted one and above others, and
        whether the fact is to tune on, (m, n, 5)."""
        right, loss = any_correct(observation, "clean"), mean_loss(observation, "clean")
        wrong = gap = np.full_like(loss, np.nan)
        if "corrupted" in observation.probes:
            wrong, gap = any_correct(observation, "corrupted"), mean_loss(observation, "corrupted") - loss
        over = mean_loss(observation, "other") - loss if "other" in observation.probes else np.full_like(loss, np.nan)
        tuned = np.broadcast_to(self._tuned(np.asarray(observation.ids)), right.shape)
        return np.stack([right, wrong, gap, over, tuned], axis=-1)

    def _tuned(self, ids: Array) -> Array:
        """Return whether each example is to tune on, (n,): by a digest of its id, whatever else there is."""
        return np.array([zlib.crc32(one.encode()) % 10_000 < self.tuning * 10_000 for one in ids.astype(str).tolist()])

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Shares of corrupted facts, those on the retain and test sets, and the comparison of log-probabilities."""
        forget, tuned = trial.side == "forget", trial.oracle[0, :, 4] > 0
        corrupted = forget & ~np.isnan(trial.oracle[:, :, :3]).any((0, 2))
        compared = corrupted & ~np.isnan(trial.oracle[:, :, 3]).any(0)
        right, wrong, gap = (trial.unlearned[:, corrupted & ~tuned, at] for at in range(3))
        values = {
            "recovered": right, "still_corrupted": wrong, "neither": (1 - right) * (1 - wrong),
            "right_over_other": trial.unlearned[:, compared & ~tuned, 3],
            "prefers_right": (gap > 0).astype(np.float64), "right_over_planted": gap,
            "recovered_tuning": trial.unlearned[:, corrupted & tuned, 0],
        }  # fmt: skip
        none = _NONE if (~np.isnan(trial.oracle[:, :, 1])).any() else {"": _UNKNOWN}
        scores: dict[str, Measured | str] = {
            name: Measure((Part(1, "unlearned", "forget", rows),)) if rows.shape[1] else none.get(name, none[""])
            for name, rows in values.items()
        }
        for side in SIDES[1:]:
            here = (trial.side == side) & ~np.isnan(trial.oracle[:, :, 0]).any(0)
            part = Part(1, "unlearned", side, trial.unlearned[:, here, 0])
            scores[f"known_{side}"] = Measure((part,)) if here.any() else f"no {side} example has a right answer among the probes"
        return scores


_UNKNOWN = "no planted answer is known, so an answer is right or not right: see 'known_test'"
_NONE = {
    "": "no forget example has both a right and a planted answer among the probes",
    "right_over_other": "no forget example has a further wrong answer among the probes",
    "recovered_tuning": "no corrupted fact is set apart: give tuning, such as tuning=0.1",
}
