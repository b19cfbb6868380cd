"""Label errors by confident learning; the only place that uses cleanlab."""

from __future__ import annotations

from typing import Any

import numpy as np

from untrain.core.errors import MissingExtra

Array = np.ndarray[Any, Any]


def need_cleanlab() -> None:
    """Refuse to begin without the library.

    Raises:
        MissingExtra: it is not installed.
    """
    from importlib.util import find_spec

    if find_spec("cleanlab") is None:
        raise MissingExtra("untrain find-mislabelled needs cleanlab: pip install 'untrain[cleanlab]'")


def label_issues(labels: Array, probabilities: Array) -> tuple[Array, Array]:
    """Judge labels: whether each is probably wrong, bool (n,), and its score, (n,), lower is worse.

    >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05], [0.1, 0.9]])
    >>> found, scores = label_issues(np.array([0, 0, 1, 1, 1, 1]), sure)
    >>> found.tolist(), scores.argmin().item()
    ([False, False, False, False, True, False], 4)

    Args:
        labels: as given, in ``range(c)``, each class at least once, (n,).
        probabilities: of classes by models that did not see the row, (n, c).

    Source: Northcutt, Jiang and Chuang 2021, arXiv 1911.00068; the score is the probability of the given label.
    """
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    found = find_label_issues(labels, probabilities, filter_by="prune_by_noise_rate", n_jobs=1)
    scores = get_label_quality_scores(labels, probabilities, method="self_confidence")
    return np.asarray(found, dtype=bool), np.asarray(scores, dtype=np.float64)
