"""Membership by one threshold on a model's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from untrain.evaluation.attacks._held_out import LOW, MARGIN, few
from untrain.evaluation.attacks._placements import area_parts, placed_apart
from untrain.evaluation.base import Array, Curve, Evaluator, Measure, Measured, Part, Prepared, Rate, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.maths.logits import log_probabilities, margins
from untrain.maths.prediction_entropy import log_entropies, log_modified_entropies
from untrain.maths.roc import best_cut, fpr_grid, sensitivity

_SIGNALS = {
    "loss": ("smaller loss", "losses"),
    "confidence": ("larger probability of the likeliest class", "probabilities"),
    "entropy": ("smaller entropy", "entropies"),
    "mentropy": ("smaller modified entropy", "modified entropies"),
}
_TITLES = {"loss": "Loss", "confidence": "Confidence", "entropy": "Entropy", "mentropy": "Modified entropy"}
_WEAK = "one threshold for all examples: blind to examples that are easy in any case; a per-example attack sees more"
_UNSEEN = f"does not see the label, so it says little of confident errors; {_WEAK}"
_BELOW = "over-forgets: below what oracles show, so the forget set stands out by losses that are too large"
_ABOVE = "remembers: above what oracles show, so the forget set stands out by losses that are too small"
_MIXED = "test examples weighted to the forget set's class mix"
_LACKS = "the test set lacks a class of the forget set, so non-members cannot match its class mix"
_DISTRIBUTION = "this attack needs the probabilities of all classes, and the task does not give them"
_UNLEARNABLE = "a threshold cannot be learned: retain set or either half of the test set lacks classes of the forget set"
_KINDS = 3  # of tables for each signal: placements, attack scores, right calls


def _abouts() -> dict[str, ScoreInfo]:
    texts: dict[str, ScoreInfo] = {}
    for name, (less, many) in _SIGNALS.items():
        weak = _WEAK if name in ("loss", "mentropy") else _UNSEEN
        tested = {"below": _BELOW, "above": _ABOVE, "margin": MARGIN} if name == "loss" else {}
        area = f"probability that a forget example has a {less} than a test example, {_MIXED}"
        texts[f"mia_{name}_auc"] = ScoreInfo(area, "probability", "the oracles' value", weak, **tested)  # type: ignore[arg-type]
        if name == "loss":
            gap = f"oracles' value minus the unlearned models' of: {area}"
            texts["mia_loss_gap"] = ScoreInfo(gap, "probability", "0", weak, low=-1.0, verdict_of="mia_loss_auc")
        for rate, fpr in LOW.items():
            rate_text = (
                f"share of the forget set that a threshold on {many} finds where it wrongly finds {100 * fpr:g} % of test examples"
            )
            texts[f"mia_{name}_{rate}"] = ScoreInfo(f"{rate_text}, {_MIXED}", "fraction", "the oracles' value", weak)
        accuracy_text = (
            f"mean of the share of the forget set that is called trained on and the share of test examples, {_MIXED}, that is "
            f"not, by a threshold on {many} learned from the retain set and the other half of the test set"
        )
        texts[f"mia_{name}_accuracy"] = ScoreInfo(accuracy_text, "fraction", "the oracles' value", weak)
    return texts


class ThresholdMIA(Evaluator):
    """One threshold for all examples on loss, confidence, entropy or modified entropy; forget set against test set.

    Confidence is the probability of the likeliest class; it and the entropy need no label. The ideal is the oracles' value, not
    one half: test examples differ from forget examples in more than membership, and class weights remove only a part of that.
    A value below the oracles' means that unlearning made the examples stand out.

    The area and the rates take no threshold. That of the balanced accuracy is the best on examples known to the attacker,
    retain set against one half of the test set, and is applied to the forget set and the other half; the score averages the
    two ways to take the halves. So no example is scored by a threshold that it helped to choose.

    Source: Yeom et al. 2018, arXiv 1709.01604 (loss); Salem et al. 2019, arXiv 1806.01246 (confidence, entropy); Song and
        Mittal 2021, arXiv 2003.10595 (modified entropy); class matching ours.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"loss", "strata"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = _abouts()

    def prepare(self, observation: Observation) -> Array:
        """Three tables for each signal and the examples' weights, float32 (m, n, 13).

        Of the placements, the mean over forget plus the mean over test is the area.
        """
        forget, retain, test = (np.flatnonzero(observation.side == side) for side in ("forget", "retain", "test"))
        out = np.full((observation.models, len(observation), _KINDS * len(_SIGNALS) + 1), np.nan, dtype=np.float32)
        strata = observation.strata
        weights = class_weights(strata[forget], strata[test])
        if weights is None:
            return out
        out[:, test, -1] = weights
        retain_weights = class_weights(strata[forget], strata[retain])
        half = np.zeros(len(test), dtype=bool)
        half[np.lexsort((observation.ids[test], strata[test]))[::2]] = True
        learnable = retain_weights is not None and bool(weights[half].sum() > 0 and weights[~half].sum() > 0)
        for model, table in enumerate(out):
            for at, score in enumerate(_signals(observation.of_models([model]))):
                member, other, tables = score[forget], score[test], table[:, _KINDS * at : _KINDS * (at + 1)]
                tables[forget, 0], tables[test, 0] = placed_apart(member, other, weights)
                tables[:, 1] = score
                if learnable:
                    cuts = [best_cut(score[retain], other[h], retain_weights, weights[h]) for h in (half, ~half)]
                    tables[forget, 2] = np.mean([member > cut for cut in cuts], axis=0)
                    tables[test, 2] = weights * (other <= np.where(half, cuts[1], cuts[0]))
        return out

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Area, rates and balanced accuracy of each signal, and the gap of the loss's area."""
        forget, test = trial.side == "forget", trial.side == "test"
        if not forget.any() or not test.any():
            return dict.fromkeys(self.scores, "there are no forget or no test examples")
        weights = trial.oracle[0, test, -1].astype(np.float64)
        if np.isnan(weights).any():
            return dict.fromkeys(self.scores, _LACKS)
        others = int((weights > 0).sum())
        some = "test examples" if others == len(weights) else "test examples of the forget set's classes"
        scores: dict[str, Measured | str] = {}
        for at, name in enumerate(_SIGNALS):
            area, score, right = (_KINDS * at + k for k in range(_KINDS))
            if np.isnan(trial.oracle[0, forget, score]).all():
                scores |= {n: _DISTRIBUTION for n in self.scores if n.startswith(f"mia_{name}_")}
                continue
            ours, theirs = (
                area_parts("unlearned", trial.unlearned, trial.side, area),
                area_parts("oracle", trial.oracle, trial.side, area),
            )
            scores[f"mia_{name}_auc"] = Measure(ours)
            if name == "loss":
                scores["mia_loss_gap"] = Measure((*theirs, *(Part(-p.sign, p.population, p.side, p.values) for p in ours)))
            member, other = trial.unlearned[:, forget, score], trial.unlearned[:, test, score]
            for rate, fpr in LOW.items():
                reason = few(fpr, others, some)
                scores[f"mia_{name}_{rate}"] = reason or Rate("unlearned", member, other, fpr, weights)
            learned = not np.isnan(trial.oracle[0, forget, right]).any()
            halves = area_parts("unlearned", trial.unlearned / 2, trial.side, right) if learned else ()
            scores[f"mia_{name}_accuracy"] = Measure(halves) if learned else _UNLEARNABLE
        return scores

    def curves(self, trial: Prepared) -> dict[str, Curve]:
        """The ROC curve of each signal, model by model."""
        forget, test = trial.side == "forget", trial.side == "test"
        weights = trial.oracle[0, test, -1].astype(np.float64)
        if not forget.any() or not test.any() or np.isnan(weights).any():
            return {}
        fpr, curves = fpr_grid(len(weights)), {}
        for at, name in enumerate(_SIGNALS):
            scores = trial.unlearned[:, :, _KINDS * at + 1]
            tpr = np.stack([sensitivity(row[forget], row[test], fpr, weights) for row in scores])
            curves[f"mia_{name}"] = Curve(f"{_TITLES[name]} attack", fpr, tpr, "test")
        return curves


def _signals(observation: Observation) -> list[Array]:
    """Attack scores of one model in the order of the names, (n,) each, larger for likelier members; NaN where outputs lack them.

    Only their order counts, so each is on a scale on which no certainty is too great to differ from a greater one: log-odds for
    probabilities, logarithms for entropies.
    """
    certainty = observation.certainty()[0]
    if not observation.has("logits"):
        return [certainty, *[np.full_like(certainty, np.nan)] * (len(_SIGNALS) - 1)]
    logits = np.asarray(observation.logits)
    log_p = log_probabilities(logits)
    sureness = margins(logits, logits[0].argmax(-1))[0]
    return [certainty, sureness, -log_entropies(log_p)[0], -log_modified_entropies(log_p, observation.labels)[0]]


def class_weights(members: Array, others: Array) -> Array | None:
    """Weights of ``others``, mean 1, that give them the class mix of ``members``; None when a class is missing."""
    if len(members) == 0 or len(others) == 0:
        return None
    size = int(max(members.max(), others.max())) + 1
    target = np.bincount(members, minlength=size) / len(members)
    current = np.bincount(others, minlength=size) / len(others)
    if bool(((target > 0) & (current == 0)).any()):
        return None
    return np.asarray(np.divide(target, current, out=np.zeros(size), where=current > 0)[others])
