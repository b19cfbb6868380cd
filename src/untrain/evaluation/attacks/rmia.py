"""The robust membership attack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from untrain.core.fields import Count, Share
from untrain.evaluation.attacks._held_out import HeldOutScores, abouts, areas, parts_for
from untrain.evaluation.base import Array, Curve, Evaluator, Measured, Prepared, ScoreInfo, Splits
from untrain.evaluation.observation import Observation
from untrain.maths.likelihood_ratio import fold_keys, folds, folds_of, without
from untrain.maths.relative_likelihood import marginals, means, offline_marginals, relative

_WEAK = "compares with test examples, so it is coarse where these are few, and blind to what changes all outputs alike"
_FAR = 0.9  # of ``a``: up to here what models that saw x add keeps sums of probabilities from 0


class RMIA(Evaluator):
    """Share of test examples z that a forget example x beats: ``Pr(x | model) / Pr(x) >= gamma Pr(z | model) / Pr(z)``.

    ``Pr`` is the probability of the label. ``Pr(x)`` is a mean over oracles, offline: the probability under models that saw x
    is derived from the oracles'. Each model is compared with oracles without its fold; the non-members are the same forget
    examples on held-out oracles, so unlearned models with the outputs of oracles score one half.

    Args:
        gamma: ratio by which an example beats another.
        a: in [0, 1]; models that saw x give it the probability ``a Pr_out(x) + 1 - a``.
        population: at most so many test examples, drawn by id.
        parts: number of folds, or fewer where there are fewer unlearned models.

    Source: Zarifzadeh et al. 2023, arXiv 2312.03262, offline attack.
    """

    gamma: Annotated[float, Field(ge=1)] = 2.0
    a: Share = 0.3
    population: Count = 1000
    parts: Annotated[int, Field(ge=2)] = 10

    needs: ClassVar[frozenset[str]] = frozenset({"loss"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = abouts("mia_rmia", "RMIA", _WEAK)

    def prepare(self, observation: Observation) -> Array:
        """Log-probabilities of the labels, (m, n); NaN on test examples that are not in the population."""
        log_p = -observation.signal("loss")
        test = np.flatnonzero(observation.side == "test")
        if len(test) > self.population:
            rows = test[np.argsort(observation.ids[test], kind="stable")]
            log_p[:, np.random.default_rng(len(rows)).permutation(rows)[self.population :]] = np.nan
        return log_p

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Area, rates, and balanced accuracy where an example counts as found that scores above the median on other oracles."""
        attack = self._attack(trial)
        return dict.fromkeys(self.scores, attack) if isinstance(attack, str) else dict(attack.measures("mia_rmia", trial.asks))

    def in_splits(self, splits: Splits) -> dict[str, Array] | None:
        """The area; where ``a`` is so near 1 that only logarithms keep small probabilities apart, splits go one by one."""
        on_forget, on_test = (splits.like.side == side for side in ("forget", "test"))
        m, k = splits.ours.shape[1], splits.theirs.shape[1]
        asked = splits.asks_only("mia_rmia_auc") and self.a <= _FAR
        if not asked or k < 2 or not on_forget.any() or not on_test.any():
            return None
        both, split = _columns(splits.pool, on_forget, on_test)
        log_p, count, found = splits.pool[:, both], parts_for(self.parts, m, k, 1), []
        keys, less_one = fold_keys(log_p[:, :split]), np.expm1(log_p.astype(np.float64))
        for block in splits.blocks(len(both)):
            at = [folds_of(keys[rows], count) for rows in (block.ours, block.theirs)]
            usual = offline_marginals(less_one[block.theirs], without(at[1], count), self.a)
            ratios = [
                log_p[rows] - np.take_along_axis(usual, fold[..., None], 1)
                for rows, fold in zip((block.ours, block.theirs), at, strict=True)
            ]
            ours, theirs = (relative(each[..., :split], each[..., split:], self.gamma) for each in ratios)
            found.append(areas(ours, theirs, at[0], at[1]))
        return {"mia_rmia_auc": np.concatenate(found)}

    def curves(self, trial: Prepared) -> dict[str, Curve]:
        """The ROC curve."""
        attack = self._attack(trial)
        return {} if isinstance(attack, str) else {"mia_rmia": attack.curve("RMIA")}

    def _attack(self, trial: Prepared) -> HeldOutScores | str:
        on_forget, on_test = trial.side == "forget", trial.side == "test"
        if len(trial.oracle) < 2 or not on_forget.any() or not on_test.any():
            return f"{len(trial.oracle)} oracles: at least 2 are needed, and examples to forget and to test on"
        both, split = _columns(trial.oracle, on_forget, on_test)
        log_p = [population[:, both] for population in (trial.unlearned, trial.oracle)]
        count = parts_for(self.parts, len(trial.unlearned), len(trial.oracle), 1)
        at = [folds(each[:, :split], count) for each in log_p]
        keep = without(at[1], count)
        usual = marginals(means(log_p[1], keep), self.a)
        ratios = [each - usual[fold] for each, fold in zip(log_p, at, strict=True)]
        ours, theirs = (relative(each[:, :split], each[:, split:], self.gamma) for each in ratios)
        if not trial.asks("mia_rmia_accuracy"):  # which alone has a threshold
            return HeldOutScores(ours, theirs, (at[0], at[1]))
        medians = np.array([np.median(theirs[row]) for row in keep])
        return HeldOutScores(ours, theirs, (at[0], at[1]), (medians[at[0]], medians[at[1]]))


def _columns(log_p: Array, on_forget: Array, on_test: Array) -> tuple[Array, int]:
    """Columns of the forget examples and, after them, of the population; and how many of them are of the forget examples."""
    return np.r_[np.flatnonzero(on_forget), np.flatnonzero(on_test & ~np.isnan(log_p[0]))], int(on_forget.sum())
