"""Accuracy by class and by whether labels are right, against the oracles: who paid for unlearning."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.evaluation.base import Array
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.design import LEVEL, SPLITS, can_decide
from untrain.maths import permutation
from untrain.maths.distributions import t_quantile

PAYING = ("test", "forget")
_LEAST = 4e-4  # no error is taken for smaller: chance agreement of few models is not evidence
Entry = dict[str, Any]


def accuracy_by_group(unlearned: Observation, oracle: Observation, level: float = LEVEL, seed: int = 0) -> list[Entry]:
    """Accuracy of unlearned models against the oracles', by group of examples.

    Groups are the classes, by label as given, and where labels are known to be wrong, those examples and the others.

    Args:
        unlearned: outputs of a method's models.
        oracle: outputs of the oracles, on the same examples.
        level: share of false alarms over all groups together.
        seed: of the drawing of splits.

    Returns:
        For each group its name, and under 'test' and 'forget' None where it has no such examples, else how many
        'examples' it has, the accuracies 'unlearned' and 'oracle', their 'difference' with the ends 'low' and 'high' of
        its own 95 % interval over models, held within -1 and 1, its 'floor' and its 'p', which accounts for all groups and
        both sides. The group that lost the most on the test set comes first, one without test examples last.

    Source: Welch 1947 (interval); Westfall and Young 1993 (max-T over groups).
    """
    here, there = (outputs.signal("correct") for outputs in (unlearned, oracle))
    side = np.asarray(oracle.side)
    places = {(n, s): at for n, rows in groups(oracle).items() for s in PAYING if len(at := np.flatnonzero(rows & (side == s)))}
    if not places:
        return []
    m, k = len(here), len(there)
    pool = np.stack([np.concatenate([here[:, at].mean(1), there[:, at].mean(1)]) for at in places.values()])
    orders = permutation.splits(m + k, m, SPLITS, seed)
    differences = [permutation.differences(values, orders, m) for values in pool]
    sizes = np.stack([np.abs(d) / np.maximum(e, _LEAST) for d, e in differences])
    p = (sizes.max(0)[None] >= sizes[:, :1] * (1 - 1e-9)).mean(1)
    floors = floor(pool[:, m:], m, seed)
    entries: dict[str, Entry] = {}
    for i, ((name, s), at) in enumerate(places.items()):
        low, high = welch(pool[i, :m], pool[i, m:], float(differences[i][0][0]))
        entries.setdefault(name, {"group": name, **dict.fromkeys(PAYING)})[s] = {
            "examples": len(at), "unlearned": float(pool[i, :m].mean()), "oracle": float(pool[i, m:].mean()),
            "difference": float(differences[i][0][0]), "low": low and max(low, -1.0), "high": high and min(high, 1.0),
            "floor": floors[i],
            "p": float(p[i]) if can_decide(m, k, level) else None,
        }  # fmt: skip
    return sorted(entries.values(), key=_order)


def groups(outputs: Observation) -> dict[str, Array]:
    """Group name -> which examples are in it; empty where there is but one class."""
    labels, true = np.asarray(outputs.labels), np.asarray(outputs.true)
    known = np.unique(labels)
    rows = {f"class {c}": labels == c for c in known} if len(known) > 1 else {}
    if (labels != true).any():
        rows |= {"wrong labels": labels != true, "right labels": labels == true}
    return rows


def welch(ours: Array, theirs: Array, difference: float) -> tuple[float | None, float | None]:
    """Ends of the 95 % interval of a difference of means over models; of one model, the oracles' spread is taken for its own."""
    m, k = len(ours), len(theirs)
    if k < 2:
        return None, None
    parts = [theirs.var(ddof=1) / m if m == 1 else ours.var(ddof=1) / m, theirs.var(ddof=1) / k]
    if sum(parts) == 0:
        return difference, difference
    degrees = k - 1 if m == 1 else sum(parts) ** 2 / (parts[0] ** 2 / (m - 1) + parts[1] ** 2 / (k - 1))
    half = float(t_quantile(0.975, degrees) * np.sqrt(sum(parts)))
    return difference - half, difference + half


def floor(values: Array, size: int, seed: int, splits: int = 40) -> list[float | None]:
    """Mean size of the difference between disjoint groups of ``size`` oracles, of each row (g, k); None with fewer than twice so
    many oracles."""
    if values.shape[1] < 2 * size:
        return [None] * len(values)
    rng = np.random.default_rng((seed, values.shape[1]))
    orders = [rng.permutation(values.shape[1]) for _ in range(splits)]
    apart = [np.abs(values[:, o[:size]].mean(1) - values[:, o[size : 2 * size]].mean(1)) for o in orders]
    return [float(v) for v in np.mean(apart, axis=0)]


def _order(entry: Entry) -> tuple[bool, float]:
    """Groups that are tested come first, those that lost the most before others."""
    tested = entry["test"] is not None
    return not tested, entry["test" if tested else "forget"]["difference"]
