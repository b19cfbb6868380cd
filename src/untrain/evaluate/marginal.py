"""Scores of models of which margins are all that is known."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from untrain.core.evaluator import Array, Evaluator, Measured, Prepared
from untrain.core.records import SIDES, Observation
from untrain.evaluate.resample import number
from untrain.maths.logits import margins

MORE = "only margins were given, and this score needs whole logits"
LABELS = "only margins were given, and this score needs the labels beside them"
MODELS, EXAMPLES, CLASSES = 24, 60, 5
_NEVER = -1e4  # the exponential of which is 0


def embedded(given: Array, labels: Array | None = None) -> tuple[Array, Array]:
    """Logits with these margins, to the bit, and the labels that they are of.

    Args:
        given: margins, (m, n) or (n,).
        labels: whole numbers from 0, (n,); without them there are two classes and every label is 0.

    Returns:
        Logits (m, n, c) or (n, c), of which the label's is the margin, one other 0 and the rest never answered; labels (n,).
    """
    wide = np.asarray(given)
    known = np.zeros(wide.shape[-1], dtype=np.int64) if labels is None else np.asarray(labels)
    classes = max(2, int(known.max()) + 1)
    logits = np.full((*wide.shape, classes), _NEVER, dtype=wide.dtype)
    rows = np.arange(wide.shape[-1])
    logits[..., rows, (known + 1) % classes] = 0.0
    logits[..., rows, known] = wide
    return logits, known


class OfMargins(Evaluator):
    """An evaluator on margins alone: a score that needs more is null.

    Which do not is found by trial: on made-up answers of five classes, a score that comes out the same when margins are all
    that is left of them depends on nothing else.

    Args:
        evaluator: what computes the scores.
        labels: whether labels were given beside the margins.

    Source: none; the margin is ``log p - log(1 - p)``, from which the label's probability p and its loss follow.
    """

    evaluator: Evaluator
    labels: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", self.evaluator.scores)

    def prepare(self, seen: Observation) -> Array:
        """As the evaluator does."""
        return self.evaluator.prepare(seen)

    def evaluate(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """As the evaluator does, but for scores that margins do not tell."""
        told, best = enough(self.evaluator, self.labels), enough(self.evaluator, True)
        found = self.evaluator.evaluate(trial)
        return {name: m if name in told else LABELS if name in best else MORE for name, m in found.items()}


@lru_cache(maxsize=256)
def enough(evaluator: Evaluator, labels: bool = False) -> frozenset[str]:
    """The scores of an evaluator for which margins are enough, or margins and labels.

    One that has no value on the made-up answers is among them only if the evaluator prepares the same from both.
    """
    whole, bare = _trial(evaluator, None), _trial(evaluator, labels)
    if all(np.array_equal(getattr(whole, p), getattr(bare, p)) for p in ("unlearned", "oracle", "original")):
        return frozenset(evaluator.scores)
    found, again = evaluator.evaluate(whole), evaluator.evaluate(bare)
    return frozenset(
        name
        for name, m in found.items()
        if not isinstance(m, str)
        and not isinstance(other := again.get(name, ""), str)
        and np.isclose(number(m), number(other), rtol=1e-9, atol=1e-12)
    )


def _trial(evaluator: Evaluator, labelled: bool | None) -> Prepared:
    """Made-up populations: oracles, and two that are surer of their labels; what is left of them are margins, unless None."""
    draw = np.random.default_rng(0)
    side = np.repeat(SIDES, EXAMPLES)
    labels = draw.integers(CLASSES, size=len(side))
    ready = []
    for shift in (0.0, 0.3, 1.0):
        logits = draw.normal(size=(MODELS, len(side), CLASSES))
        np.put_along_axis(logits, labels[None, :, None], draw.normal(1 + shift, 1.5, (MODELS, len(side), 1)), axis=-1)
        known = labels
        if labelled is not None:
            logits, known = embedded(margins(logits, labels), labels if labelled else None)
        ready.append(evaluator.prepare(Observation(logits, known, known, side, np.arange(len(side)))))
    return Prepared(ready[1], ready[0], side, False, ready[2])
