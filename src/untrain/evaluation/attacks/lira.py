"""The likelihood-ratio attack."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from untrain.core.fields import Positive
from untrain.evaluation.attacks._held_out import HeldOutScores, abouts, areas, parts_for
from untrain.evaluation.base import Array, Curve, Evaluator, Measured, Prepared, ScoreInfo, Splits
from untrain.evaluation.observation import Observation
from untrain.maths.likelihood_ratio import (
    FLOOR,
    Gaussians,
    Variance,
    fold_keys,
    folds,
    folds_of,
    gaussians,
    log_ratios,
    standardized,
    without,
)

_ONLINE = "needs original models; sees only what makes a model resemble the originals, not damage of another kind"
_OFFLINE = "tests only whether certainty exceeds the oracles'; a little more on all examples counts as much as a lot on a few"


_PREFIXES = ("mia_lira", "mia_lira_offline")


class LiRA(Evaluator):
    """Log-ratio of the margin under a Gaussian over models that saw the example to one over models that did not.

    Models that saw the forget set are the originals, models that did not are the oracles. The hypotheses are those of an
    auditor: this model saw the example, or it did not; so the non-members are the *same* examples on oracles held out of the
    fits, and unlearned models with the outputs of oracles score one half. Test examples would not serve as non-members: no
    model saw them, so there is nothing to fit on, and they differ from forget examples in more than membership.

    Models of all three kinds are cut into folds by their outputs, and a model is scored by fits without its fold. Online, an
    unlearned model's own original is mostly among those that saw the example, so what the model kept of it counts, as it
    should; a retrained model has none. Offline, the score is the margin standardized by the oracles', without the originals.

    Args:
        variance: 'example' fits each example's own variance, 'global' one over all, 'auto' the latter below 64 models.
        floor: least standard deviation of a fit, in nats.
        parts: number of folds, or fewer where there are fewer unlearned models.

    Source: Carlini et al. 2022, arXiv 2112.03570, online and offline attack.
    Departs: fits and attacked models are disjoint; the global variance is that around each example's own mean.
    """

    variance: Variance = "auto"
    floor: Positive = FLOOR
    parts: Annotated[int, Field(ge=2)] = 10

    needs: ClassVar[frozenset[str]] = frozenset({"margin", "spread"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        **abouts("mia_lira", "LiRA online", _ONLINE),
        **abouts("mia_lira_offline", "LiRA offline", _OFFLINE, tested=""),
    }

    def prepare(self, observation: Observation) -> Array:
        """Margins, (m, n)."""
        return observation.signal("margin")

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Area, rates and balanced accuracy of both attacks; both thresholds are 0."""
        scores: dict[str, Measured | str] = {}
        by_prefix = {p: [n for n in self.scores if n.rpartition("_")[0].removesuffix("_tpr") == p] for p in _PREFIXES}
        asked = {prefix for prefix, names in by_prefix.items() if any(map(trial.asks, names))}
        for prefix, attack in self._attacks(trial, asked).items():
            names = by_prefix[prefix]
            scores |= dict.fromkeys(names, attack) if isinstance(attack, str) else attack.measures(prefix, trial.asks)
        return scores

    def in_splits(self, splits: Splits) -> dict[str, Array] | None:
        """The area of the online attack."""
        like, m, k = splits.like, splits.ours.shape[1], splits.theirs.shape[1]
        on_forget, count = like.side == "forget", parts_for(self.parts, m, k, 2)
        if not splits.asks_only("mia_lira_auc") or like.original is None or min(k, len(like.original)) < 3 or not on_forget.any():
            return None
        inside, margins = self._inside(like, like.original, count), splits.pool[:, on_forget]
        keys, found = fold_keys(margins), []
        for block in splits.blocks(margins.shape[1]):
            ours, theirs = margins[block.ours], margins[block.theirs]
            our_folds, oracle_folds = folds_of(keys[block.ours], count), folds_of(keys[block.theirs], count)
            outside = self._fit(theirs, oracle_folds, count)
            ratios = [log_ratios(x, at, inside, outside) for x, at in ((ours, our_folds), (theirs, oracle_folds))]
            found.append(areas(ratios[0], ratios[1], our_folds, oracle_folds))
        return {"mia_lira_auc": np.concatenate(found)}

    def curves(self, trial: Prepared) -> dict[str, Curve]:
        """ROC curves by attack."""
        titles = {"mia_lira": "LiRA, online", "mia_lira_offline": "LiRA, offline"}
        attacks = self._attacks(trial, set(_PREFIXES))
        return {name: attack.curve(titles[name]) for name, attack in attacks.items() if not isinstance(attack, str)}

    def _attacks(self, trial: Prepared, asked: Set[str]) -> dict[str, HeldOutScores | str]:
        on_forget = trial.side == "forget"
        if not on_forget.any() or len(trial.oracle) < 3:
            counts = f"{len(trial.oracle)} oracles and {int(on_forget.sum())} forget examples"
            reason = f"{counts}: at least 3 oracles and 1 example are needed"
            return dict.fromkeys(_PREFIXES, reason)
        ours, theirs = trial.unlearned[:, on_forget], trial.oracle[:, on_forget]
        count = parts_for(self.parts, len(ours), len(theirs), 2)
        our_folds, oracle_folds = folds(ours, count), folds(theirs, count)
        outside = self._fit(theirs, oracle_folds, count)
        attacks: dict[str, HeldOutScores | str] = {}
        if "mia_lira_offline" in asked:
            attacks["mia_lira_offline"] = HeldOutScores(
                standardized(ours, our_folds, outside), standardized(theirs, oracle_folds, outside), (our_folds, oracle_folds)
            )
        if trial.original is None or len(trial.original) < 3:
            have = "no" if trial.original is None else len(trial.original)
            return {"mia_lira": f"{have} original models: LiRA online needs at least 3", **attacks}
        inside = self._inside(trial, trial.original, count)
        online = HeldOutScores(
            log_ratios(ours, our_folds, inside, outside),
            log_ratios(theirs, oracle_folds, inside, outside),
            (our_folds, oracle_folds),
        )
        return {"mia_lira": online, **attacks}

    def _inside(self, trial: Prepared, saw: Array, count: int) -> Gaussians:
        """Fits of the originals without each fold, the same for all splits."""
        most = max(count, min(self.parts, len(saw)))  # one unlearned model does not cost half of the originals

        def fit_originals() -> Gaussians:
            here = saw[:, trial.side == "forget"]
            return self._fit(here, folds(here, most), most)

        return trial.once(most, fit_originals)

    def _fit(self, sample: Array, fold: Array, count: int) -> Gaussians:
        return gaussians(sample, without(fold, count), self.variance, self.floor)
