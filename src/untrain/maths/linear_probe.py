"""Linear classifiers of features."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

Array = np.ndarray[Any, Any]
MOST = 1000  # iterations


def probe(features: Array, labels: Array, others: Array, classes: int, c: float = 1.0) -> Array:
    """Probabilities that a logistic regression on standardized features gives to the classes of others, (k, classes).

    Features are centred and scaled as those that it is fitted on; what is the same on all of these is left out. A class that none
    of these has gets 0.

    >>> probe(np.array([[-1.0], [-2.0], [1.0], [3.0]]), np.array([0, 0, 2, 2]), np.array([[-9.0], [9.0]]), 3).argmax(1).tolist()
    [0, 2]

    Args:
        features: to fit on, (n, d).
        labels: of these, whole numbers below ``classes``, (n,), at least two different ones.
        others: features to label, (k, d).
        classes: number of classes.
        c: weight of the losses, as scikit-learn's ``C``.
    """
    features, others = (np.asarray(side, dtype=np.float64) for side in (features, others))
    centre, spread = features.mean(0), features.std(0)
    varies = spread > 1e-9 * np.abs(features).max(initial=1e-300)
    own, theirs = (np.where(varies, side - centre, 0.0) / np.where(varies, spread, 1.0) for side in (features, others))
    with warnings.catch_warnings():
        # A fit that is not done after so many steps is a probe as well.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=c, max_iter=MOST).fit(own, labels)
    probabilities = np.zeros((len(others), classes))
    probabilities[:, fitted.classes_] = fitted.predict_proba(theirs)
    return probabilities


def cross_fitted(
    features: Array, labels: Array, folds: Sequence[Array], others: Array, classes: int, c: float = 1.0
) -> tuple[Array, Array]:
    """Probabilities on examples by probes that were not fitted on them, (n, classes), and on others by all, (folds, k, classes).

    >>> x, y = np.array([[-1.0], [1.0], [-2.0], [2.0]]), np.array([0, 1, 0, 1])
    >>> own, theirs = cross_fitted(x, y, [np.array([0, 1]), np.array([2, 3])], np.array([[9.0]]), 2)
    >>> own.argmax(1).tolist(), theirs.argmax(2).tolist()
    ([0, 1, 0, 1], [[1], [1]])

    Args:
        features: of the examples, (n, d).
        labels: of the examples, (n,).
        folds: rows of each part; a probe is fitted on all but one part.
        others: features of other examples, (k, d).
        classes: number of classes.
        c: weight of the losses, as scikit-learn's ``C``.
    """
    own, theirs = np.zeros((len(labels), classes)), []
    for rows in folds:
        rest = np.setdiff1d(np.arange(len(labels)), rows)
        given = probe(features[rest], labels[rest], np.concatenate([features[rows], others]), classes, c)
        own[rows] = given[: len(rows)]
        theirs.append(given[len(rows) :])
    return own, np.stack(theirs)
