"""SalUn's attack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from sklearn.svm import SVC

from untrain.core.evaluator import About, Array, Evaluator, Measure, Measured, Part, Prepared
from untrain.core.records import Observation
from untrain.core.steps import Count
from untrain.maths.logits import confidences

_MEANS = "share of the forget set that an SVC on the label's confidence calls non-member"
_WEAK = "close to 1 minus forget accuracy on models without augmentation, so it adds little to the forget gap"


class SvcMia(Evaluator):
    """SVC on the confidence in the label, members from the retain set against the test set; efficacy on the forget set.

    Args:
        members: a 'random' sample of the retain set, drawn by id, or its 'first' rows as in SalUn's code.
        limit: at most so many members and non-members in the fit, for speed; the code fits all.

    Source: Fan et al. 2023 (SalUn), arXiv 2310.12508, evaluation/SVC_MIA.py: SVC(C=3, gamma='auto', rbf).
    Departs: members are a random sample, and the fit is capped by ``limit``.
    """

    members: Literal["random", "first"] = "random"
    limit: Count = 2000

    scores: ClassVar[Mapping[str, About]] = {
        "mia_svc_efficacy": About(_MEANS, "fraction", "the oracles' value", _WEAK),
        "mia_svc_gap": About(f"oracles' minus unlearned models' {_MEANS}", "fraction", "0", _WEAK, low=-1.0),
    }

    def prepare(self, seen: Observation) -> Array:
        """1 where a forget example is called non-member, (m, n); 0 elsewhere."""
        confidence = confidences(seen.logits, seen.labels)
        rows = np.argsort(seen.ids, kind="stable") if self.members == "random" else np.arange(len(seen.ids))
        retain, test = rows[seen.side[rows] == "retain"], rows[seen.side[rows] == "test"]
        forget = np.flatnonzero(seen.side == "forget")
        size = min(len(retain), len(test), self.limit)
        rng = np.random.default_rng(len(retain))
        inside = retain[:size] if self.members == "first" else rng.choice(retain, size, replace=False)
        outside = rng.choice(test, min(len(test), self.limit), replace=False)
        out: Array = np.zeros(confidence.shape)
        if size == 0 or len(forget) == 0:
            return out
        truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
        for table, row in zip(out, confidence, strict=True):
            attack = SVC(C=3, gamma="auto", kernel="rbf").fit(np.r_[row[inside], row[outside]][:, None], truth)
            table[forget] = attack.predict(row[forget][:, None]) == 0
        return out

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Efficacy and its gap."""
        forget = trial.side == "forget"
        if not all((trial.side == side).any() for side in ("forget", "retain", "test")):
            return dict.fromkeys(self.scores, "the attack needs forget, retain and test examples")
        ours, theirs = trial.unlearned[:, forget], trial.oracle[:, forget]
        return {
            "mia_svc_efficacy": Measure((Part(1, "unlearned", "forget", ours),)),
            "mia_svc_gap": Measure((Part(1, "oracle", "forget", theirs), Part(-1, "unlearned", "forget", ours))),
        }
