"""Scores of attacks that compare unlearned models with held-out oracles on the same examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from untrain.evaluation.base import Array, Curve, Measure, Part, ScoreInfo
from untrain.maths.likelihood_ratio import calls, shares
from untrain.maths.roc import Ranking, fpr_grid, places, ranking, sensitivity

LEAST = 10  # wrongly found examples below which a rate is not given
LOW = {"tpr_1": 0.01, "tpr_01": 0.001}
MARGIN = 0.05  # of an area or an accuracy, either way: at most one time in ten more than chance

ABOVE = "remembers: an attack that knows retrained models finds more in the forget set than in further retrained models"
BELOW = "over-forgets: outputs on the forget set differ so much from retrained models' that an attack recognizes it by that"


@dataclass(frozen=True, eq=False)
class HeldOutScores:
    """Attack scores, larger for likelier members, of the forget examples on models that the attack was not fitted on.

    Args:
        ours: on the unlearned models, (m, n).
        theirs: on the oracles, (k, n).
        folds: fold of each unlearned model, (m,), and of each oracle, (k,); those of a fold were scored by the same fits.
        cuts: thresholds of the accuracy for unlearned models and for oracles, one or one per model; none was chosen on the
            models to which it applies.
    """

    ours: Array
    theirs: Array
    folds: tuple[Array, Array]
    cuts: tuple[Array | float, Array | float] = (0.0, 0.0)

    @cached_property
    def ranked(self) -> Ranking:
        """All scores, sorted once."""
        return ranking(self.ours.ravel(), self.theirs.ravel())

    def area(self) -> Measure:
        """Area under the ROC curve, mean over unlearned models, each against the oracles of its fold; ties counted half.

        Against oracles of other folds, which the fits of its own fold know, it would be biased where examples are few. The
        oracles' table is centred: it adds nothing to the value and carries their share of its spread (DeLong et al. 1988).
        """
        placed: Array = np.zeros(self.ours.shape)
        back: Array = np.zeros(self.theirs.shape)
        share = shares(*self.folds)
        for fold in np.unique(self.folds[0]):
            own, other = self.folds[0] == fold, self.folds[1] == fold
            below, above = places(self.ours[own].ravel(), self.theirs[other].ravel())
            placed[own] = below.reshape(-1, placed.shape[1])
            back[other] = (above - above.mean()).reshape(-1, back.shape[1]) * share[other][:, None]
        return _joint(placed, back)

    def rate(self, fpr: float) -> Measure | str:
        """True-positive rate where oracles' scores of at most a share ``fpr`` exceed the threshold.

        The oracles' table is centred too: the cost of more of them above the threshold, by the slope of the curve there.
        """
        reason = few(fpr, self.theirs.size, "scores on oracles")
        if reason:
            return reason
        cut = self.ranked.at(fpr)[0]
        slope = (self.ranked.at(2 * fpr)[1] - self.ranked.at(fpr / 2)[1]) / (1.5 * fpr)
        over = (self.theirs > cut).astype(np.float64)
        return _joint((self.ours > cut).astype(np.float64), -slope * (over - over.mean()))

    def accuracy(self) -> dict[str, Measure]:
        """Balanced accuracy with the rates of both kinds."""
        above = [calls((scores.T - cut).T) for scores, cut in zip((self.ours, self.theirs), self.cuts, strict=True)]
        true_positives, true_negatives = above[0], shares(*self.folds)[:, None] * (1 - above[1])
        return {
            "accuracy": _joint(true_positives / 2, true_negatives / 2),
            "tpr": Measure((Part(1, "unlearned", "forget", true_positives),), joint=True),
            "tnr": Measure((Part(1, "oracle", "forget", true_negatives),), joint=True),
        }

    def curve(self, title: str) -> Curve:
        """The curve whose points ``rate`` reads: unlearned models pooled, against oracles pooled."""
        fpr = fpr_grid(self.theirs.size)
        return Curve(title, fpr, sensitivity(self.ours.ravel(), self.theirs.ravel(), fpr)[None], "oracle")

    def measures(self, prefix: str, asks: Callable[[str], bool]) -> dict[str, Measure | str]:
        """Area, rates and balanced accuracy by name, those for which ``asks`` is true."""
        makers: dict[str, Callable[[], Measure | str]] = {f"{prefix}_auc": self.area}
        makers |= {f"{prefix}_{name}": partial(self.rate, fpr) for name, fpr in LOW.items()}
        makers |= {f"{prefix}_accuracy": lambda: self.accuracy()["accuracy"]}
        return {name: make() for name, make in makers.items() if asks(name)}


def areas(ours: Array, theirs: Array, our_folds: Array, their_folds: Array) -> Array:
    """The value of ``HeldOutScores.area`` in several splits of the models, of which the folds have the same sizes, (b,).

    Args:
        ours: scores of the unlearned models, (b, m, n), finite.
        theirs: of the oracles, (b, k, n).
        our_folds: fold of each unlearned model, (b, m).
        their_folds: of each oracle, (b, k).
    """
    total, each = np.zeros(len(ours)), np.arange(len(ours))[:, None]
    ours, theirs = (s[each, np.argsort(at, axis=1, kind="stable")] for s, at in ((ours, our_folds), (theirs, their_folds)))
    sizes = [np.bincount(at[0], minlength=int(their_folds.max()) + 1) for at in (our_folds, their_folds)]
    for own, other in zip(*(zip(np.cumsum(size) - size, np.cumsum(size), strict=True) for size in sizes), strict=True):
        members = ours[:, slice(*own)].reshape(len(ours), -1)
        if not members.size:
            continue
        others = np.sort(theirs[:, slice(*other)].reshape(len(theirs), -1))
        below = np.stack([row.searchsorted(scores) for scores, row in zip(members, others, strict=True)])
        upto, last = below.copy(), others.shape[1] - 1
        for at in np.flatnonzero((others[each, np.minimum(below, last)] == members).any(1)):  # where some are tied
            upto[at] = others[at].searchsorted(members[at], "right")
        total += (below + upto).sum(1) / (2 * others.shape[1])
    return np.asarray(total / ours[0].size)


def parts_for(parts: int, ours: int, theirs: int, least: int) -> int:
    """Number of folds: no more than there are models of a kind, where that leaves ``least`` oracles to every fit."""
    count = min(parts, theirs, max(ours, 2))
    return count if theirs - -(-theirs // count) >= least else theirs


def _joint(ours: Array, theirs: Array) -> Measure:
    return Measure((Part(1, "unlearned", "forget", ours), Part(1, "oracle", "forget", theirs)), joint=True)


def few(fpr: float, others: float, what: str) -> str:
    """Reason why there is no rate, or nothing: too few non-members for the false-positive rate."""
    if fpr * others >= LEAST:
        return ""
    return (
        f"{others:.0f} {what}: at a false-positive rate of {100 * fpr:g} % fewer than {LEAST} would be found; "
        f"at least {LEAST / fpr:.0f} are needed"
    )


def abouts(prefix: str, attack: str, weak: str, tested: str = "auc") -> dict[str, ScoreInfo]:
    """Make the glossary of an attack that compares models with oracles on the same examples.

    Args:
        prefix: of the scores' names.
        attack: its name in a sentence.
        weak: its known weakness.
        tested: the one score of it that is tested against retraining; empty for none.
    """
    tests: Mapping[str, float | str] = {"below": BELOW, "above": ABOVE, "margin": MARGIN}
    oracle = "an oracle held out of the attack"
    texts = {
        "auc": (
            f"probability that {attack} ranks a forget example on an unlearned model above one on {oracle}",
            "probability",
            "0.5",
        ),
        "accuracy": (
            f"balanced accuracy of {attack} in separating, by one forget example, an unlearned model from {oracle}; "
            "its threshold is fixed or chosen on other models",
            "fraction",
            "0.5",
        ),
    }
    for name, fpr in LOW.items():
        share = (
            f"share of forget examples on unlearned models that {attack} finds where it wrongly finds {100 * fpr:g} % on oracles"
        )
        texts[name] = (f"{share} held out of the attack", "fraction", f"{fpr:g}, the share wrongly found")
    return {f"{prefix}_{n}": ScoreInfo(*text, weak, **(tests if n == tested else {})) for n, text in texts.items()}  # type: ignore[arg-type]
