"""SalUn's attacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

import numpy as np
import torch
from sklearn import config_context
from sklearn.svm import SVC

from untrain.core.fields import Count
from untrain.evaluation.base import Array, Evaluator, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observation import Observation
from untrain.maths.logits import correct, log_probabilities, of_label
from untrain.maths.prediction_entropy import entropies, modified_entropies, reference_entropies

_FEATURES = {
    "correctness": "whether the prediction is right",
    "confidence": "the label's confidence",
    "entropy": "the entropy",
    "mentropy": "the modified entropy",
    "prob": "all probabilities",
}
_ROWS = 128  # of a kernel that are computed at a time
_KERNEL = 2048  # examples of which a kernel is held, in 64 MiB at most with its scratch
_WEAK = (
    "close to 1 minus forget accuracy on models without augmentation, so it adds little to the forget gap; where fits are capped "
    "it moves by some hundredths with the sample, and by more where the classes hardly differ"
)


def _means(feature: str) -> str:
    return f"share of the forget set that an SVC on {_FEATURES[feature]} calls non-member"


def _called(known: Array, truth: Array, asked: Array, room: Array | None = None) -> Array:
    """The classes that an SVC with ``C=3, gamma='auto'``, fitted on known examples (n, d), calls others (k, d).

    Of few examples numpy's kernel takes less time than libsvm's, which rounds it to float32 all the same. ``room`` (2, n, n) is for
    it and for what is computed on the way: fresh memory of this size costs more than the kernel.
    """
    # Without a seed it draws one from the global generator, though no prediction depends on it.
    if room is None:
        return np.asarray(SVC(C=3, gamma="auto", kernel="rbf", random_state=0).fit(known, truth).predict(asked))
    known, asked = (np.asarray(each, dtype=np.float64) for each in (known, asked))
    parts = (asked[start : start + len(known)] for start in range(0, len(asked), len(known)))
    with config_context(assume_finite=True, skip_parameter_validation=True):  # looks at a kernel's numbers take as long as it does
        attack = SVC(C=3, kernel="precomputed", random_state=0).fit(_kernel(known, known, room), truth)
        return np.concatenate([attack.predict(_kernel(part, known, room)) for part in parts])


def _kernel(left: Array, right: Array, room: Array) -> Array:
    """``exp(-|x - y|^2 / d)`` of all pairs, summed up as libsvm sums it, (n, k); of examples with themselves each pair once.

    The exponentials, most of the work, are torch's, which take half the time of numpy's: libsvm rounds away where they differ.
    """
    table, product = room[:, : len(left)]
    squares, others = (left * left).sum(1), (right * right).sum(1)
    for start in range(0, len(left), _ROWS):
        rows, first = slice(start, start + _ROWS), start if left is right else 0
        part, scratch = table[rows, first:], product[rows, first:]
        np.add.outer(squares[rows], others[first:], out=part)
        if left.shape[1] == 1:
            np.multiply(left[rows], right[first:, 0], out=scratch)
        else:
            np.matmul(left[rows], right[first:].T, out=scratch)
        scratch *= 2
        part -= scratch
        part *= -1 / left.shape[1]
        torch.exp(torch.from_numpy(part), out=torch.from_numpy(part))
        if left is right:
            table[rows.stop :, rows] = part[:, _ROWS:].T
    return np.asarray(table)


class SVCMIA(Evaluator):
    """SVC on a model's outputs that separates retain from test examples; efficacy on the forget set.

    There are five attacks, on correctness, on the confidence in the label, on the entropy, on the modified entropy and on all
    probabilities; papers report the one on the confidence as "MIA". Use it to read published tables.

    Args:
        members: a 'random' sample of the retain set, drawn by id, or its 'first' rows as in SalUn's code.
        limit: at most so many members and non-members in each fit, for speed (the time grows with the square); the code fits all,
            and only a limit of no fewer than there are gives its figures.
        mentropy: the modified entropy is 'correct', or what the 'reference' code computes instead, where the value of an
            example depends on the labels of the others.

    Source: Fan et al. 2023 (SalUn), arXiv 2310.12508, evaluation/SVC_MIA.py: SVC(C=3, gamma='auto', rbf).
    Departs: members are a random sample, fits are capped by ``limit``, the modified entropy is correct.
    """

    members: Literal["random", "first"] = "random"
    limit: Count = 1000
    mentropy: Literal["correct", "reference"] = "correct"

    needs: ClassVar[frozenset[str]] = frozenset({"logits"})
    scores: ClassVar[Mapping[str, ScoreInfo]] = {
        "mia_svc_efficacy": ScoreInfo(_means("confidence"), "fraction", "the oracles' value", _WEAK),
        "mia_svc_gap": ScoreInfo(f"oracles' minus unlearned models' {_means('confidence')}", "fraction", "0", _WEAK, low=-1.0),
        **{
            f"mia_svc_{f}": ScoreInfo(_means(f), "fraction", "the oracles' value", _WEAK)
            for f in ("correctness", "entropy", "mentropy", "prob")
        },
    }

    def prepare(self, observation: Observation) -> Array:
        """1 where a forget example is called non-member, (m, n, 5) by feature; 0 elsewhere."""
        out: Array = np.zeros((*observation.logits.shape[:2], len(_FEATURES)), dtype=np.float32)
        rows = np.argsort(observation.ids, kind="stable") if self.members == "random" else np.arange(len(observation.ids))
        retain, test = rows[observation.side[rows] == "retain"], rows[observation.side[rows] == "test"]
        forget = np.flatnonzero(observation.side == "forget")
        size = min(len(retain), len(test), self.limit)
        if size == 0 or len(forget) == 0:
            return out
        rng = np.random.default_rng(len(retain))
        inside = retain[:size] if self.members == "first" else rng.choice(retain, size, replace=False)
        outside = rng.choice(test, min(len(test), self.limit), replace=False)
        truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
        room = np.empty((2, len(truth), len(truth))) if len(truth) <= _KERNEL else None
        for table, logits in zip(out, observation.logits, strict=True):
            for at, feature in enumerate(self._features(logits[None], observation.labels, (inside, outside, forget))):
                table[forget, at] = _called(np.concatenate(feature[:2]), truth, feature[2], room) == 0
        return out

    def _features(self, logits: Array, labels: Array, sets: tuple[Array, ...]) -> Iterator[list[Array]]:
        """Each feature of some sets of examples, (n, d) each; the reference code treats each set separately."""
        modified = modified_entropies if self.mentropy == "correct" else reference_entropies
        parts = [(log_probabilities(logits[:, rows]), labels[rows]) for rows in sets]
        yield [correct(p, y)[0][:, None] for p, y in parts]
        yield [np.exp(of_label(p, y))[0][:, None] for p, y in parts]
        yield [entropies(p)[0][:, None] for p, _ in parts]
        yield [modified(p, y)[0][:, None] for p, y in parts]
        yield [np.exp(p[0]) for p, _ in parts]

    def evaluate(self, trial: Prepared) -> dict[str, Measured | str]:
        """Efficacies and the gap of that on the confidence."""
        forget = trial.side == "forget"
        if not all((trial.side == side).any() for side in ("forget", "retain", "test")):
            return dict.fromkeys(self.scores, "the attack needs forget, retain and test examples")
        scores: dict[str, Measured | str] = {}
        for at, feature in enumerate(_FEATURES):
            ours, theirs = (p[:, forget, at].astype(np.float64) for p in (trial.unlearned, trial.oracle))
            name = "mia_svc_efficacy" if feature == "confidence" else f"mia_svc_{feature}"
            scores[name] = Measure((Part(1, "unlearned", "forget", ours),))
            if feature == "confidence":
                scores["mia_svc_gap"] = Measure((Part(1, "oracle", "forget", theirs), Part(-1, "unlearned", "forget", ours)))
        return scores
