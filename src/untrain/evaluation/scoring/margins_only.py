"""Scores of models of which margins are all that is known."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from untrain.evaluation.base import Array, Evaluator, Formula, Measure, Measured, Prepared, Rate
from untrain.evaluation.observation import SIDES, Observation
from untrain.maths.logits import margins

MORE = "only margins were given, and this score needs whole logits"
LABELS = "only margins were given, and this score needs the labels beside them"
EXAMPLES, CLASSES = 60, 5
_NEVER = -1e4  # the exponential of which is 0


def embed_margins(margin_table: Array, labels: Array | None = None) -> tuple[Array, Array]:
    """Logits with these margins, to the bit, and the labels that they are of.

    Args:
        margin_table: margins, (m, n) or (n,).
        labels: whole numbers from 0, (n,); without them there are two classes and every label is 0.

    Returns:
        Logits (m, n, c) or (n, c), of which the label's is the margin, one other 0 and the rest never predicted; labels (n,).
    """
    wide = np.asarray(margin_table)
    known = np.zeros(wide.shape[-1], dtype=np.int64) if labels is None else np.asarray(labels)
    classes = max(2, int(known.max()) + 1)
    logits = np.full((*wide.shape, classes), _NEVER, dtype=wide.dtype)
    rows = np.arange(wide.shape[-1])
    logits[..., rows, (known + 1) % classes] = 0.0
    logits[..., rows, known] = wide
    return logits, known


class OfMargins(Evaluator):
    """An evaluator on margins alone: a score that needs more is null.

    Which do not is found by trial: on made-up logits of five classes, a score whose tables come out the same when
    margins are all that is left of them depends on nothing else.

    Args:
        evaluator: what computes the scores.
        labels: whether labels were given beside the margins.

    Source: none; the margin is ``log p - log(1 - p)``, from which the label's probability p and its loss follow.
    """

    evaluator: Evaluator
    labels: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", self.evaluator.scores)
        object.__setattr__(self, "needs", frozenset({"margin"}) | (self.evaluator.needs & {"spread"}))

    def prepare(self, outputs: Observation) -> Array:
        """As the evaluator does."""
        return self.evaluator.prepare(outputs)

    def evaluate(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """As the evaluator does, but for scores that margins do not tell."""
        known, best = scores_of_margins(self.evaluator, self.labels), scores_of_margins(self.evaluator, True)
        measured = self.evaluator.evaluate(trial)
        return {name: m if name in known else LABELS if name in best else MORE for name, m in measured.items()}


@lru_cache(maxsize=256)
def scores_of_margins(evaluator: Evaluator, labels: bool = False) -> frozenset[str]:
    """The scores of an evaluator for which margins are enough, or margins and labels."""
    names: set[str] = set()
    for models, others in ((24, 60), (3, 20_000)):  # some scores need many models, some many non-members
        alike, silent = _alike(evaluator, labels, models, others)
        names |= alike
        if not silent:
            break
    return frozenset(names)


def _alike(evaluator: Evaluator, labels: bool, models: int, others: int) -> tuple[set[str], set[str]]:
    """Scores that are the same when only margins are left of made-up logits, and scores that have no value on them."""
    whole, bare = _trial(evaluator, None, models, others), _trial(evaluator, labels, models, others)
    if all(np.array_equal(getattr(whole, p), getattr(bare, p)) for p in ("unlearned", "oracle", "original")):
        return set(evaluator.scores), set()
    measured, again = evaluator.evaluate(whole), evaluator.evaluate(bare)
    silent = {name for name, m in measured.items() if isinstance(m, str) or isinstance(again.get(name, ""), str)}
    return {name for name, m in measured.items() if name not in silent and _same(_tables(m), _tables(again[name]))}, silent


def _tables(measured: Measured | str) -> list[Array | None]:
    """All arrays that a score is read off; a number may be the same by chance, as where nothing is recognised."""
    match measured:
        case Measure(parts=parts):
            return [part.values for part in parts]
        case Rate(members=members, others=others, weights=weights):
            return [members, others, weights]
        case Formula(terms=terms):
            return [table for term in terms for table in _tables(term)]
    return []


def _same(ours: list[Array | None], theirs: list[Array | None]) -> bool:
    if len(ours) != len(theirs):
        return False
    for a, b in zip(ours, theirs, strict=True):
        if (a is None) != (b is None):
            return False
        if (
            a is not None
            and b is not None
            and not (a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True))
        ):
            return False
    return True


def _trial(evaluator: Evaluator, labelled: bool | None, models: int, others: int) -> Prepared:
    """Made-up populations: oracles, and two that are surer of their labels; what is left of them are margins, unless None."""
    draw = np.random.default_rng(0)
    side = np.repeat(SIDES, [EXAMPLES, EXAMPLES, others])
    labels = draw.integers(CLASSES, size=len(side))
    ready = []
    for shift in (0.0, 0.3, 1.0):
        logits = draw.normal(size=(models, len(side), CLASSES))
        np.put_along_axis(logits, labels[None, :, None], draw.normal(1 + shift, 1.5, (models, len(side), 1)), axis=-1)
        known = labels
        if labelled is not None:
            logits, known = embed_margins(margins(logits, labels), labels if labelled else None)
        ready.append(evaluator.prepare(Observation.of_logits(logits, known, known, side, np.arange(len(side)))))
    return Prepared(ready[1], ready[0], side, False, ready[2])
