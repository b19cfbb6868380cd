"""Outputs of models on a probe, gathered by the example that each of its rows is about."""

from __future__ import annotations

import numpy as np

from untrain.evaluation.base import Array
from untrain.evaluation.observation import CORRECTED, SIDES, Observation

# A corrected row has the id of the forget example that it corrects, and a test example may have that of a training example.
_ORDER = (*SIDES, CORRECTED)


def mean_loss(observation: Observation, probe: str) -> Array:
    """Mean loss over a probe's examples about each example of the run, (m, n); NaN where there are none."""
    return _mean(observation, probe, np.asarray(observation.probes[probe].signal("loss")))


def mean_probability(observation: Observation, probe: str) -> Array:
    """Mean of ``exp(-loss)`` over a probe's examples about each example of the run, (m, n); NaN where there are none."""
    return _mean(observation, probe, np.exp(-np.asarray(observation.probes[probe].signal("loss"), dtype=np.float64)))


def least_loss(observation: Observation, probe: str) -> Array:
    """Least loss over a probe's examples about each example of the run, (m, n); NaN where there are none."""
    about, known = _places(observation, probe)
    losses = np.asarray(observation.probes[probe].signal("loss"), dtype=np.float64)
    found = np.full((len(losses), len(observation)), np.nan)
    for row, loss in zip(found, losses, strict=True):
        np.fmin.at(row, about[known], loss[known])
    return found


def log_truth_ratio(observation: Observation) -> Array:
    """Logarithm of p(wrong answers) / p(right answer in other words) of each example, (m, n); NaN where the probe lacks either."""
    return mean_loss(observation, "paraphrase") - mean_loss(observation, "perturbed")


def any_correct(observation: Observation, probe: str) -> Array:
    """Return whether models get one of a probe's examples about each example of the run right, (m, n); NaN without any."""
    about, known = _places(observation, probe)
    correct = np.asarray(observation.probes[probe].signal("correct"), dtype=np.float64)
    found = np.full((len(correct), len(observation)), np.nan)
    for row, hits in zip(found, correct, strict=True):
        np.fmax.at(row, about[known], hits[known])
    return found


def _mean(observation: Observation, probe: str, values: Array) -> Array:
    """Mean of values of a probe's examples, (m, k), about each example of the run, (m, n)."""
    about, known = _places(observation, probe)
    n = len(observation)
    counts = np.bincount(about[known], minlength=n)
    sums = np.stack([np.bincount(about[known], row[known], minlength=n) for row in values])
    return np.asarray(np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0))


def _places(observation: Observation, probe: str) -> tuple[Array, Array]:
    """Row of the run's example that each of a probe's is about, and whether there is one."""
    last = np.argsort([_ORDER.index(side) for side in np.asarray(observation.side).tolist()], kind="stable")[::-1]
    ids = np.asarray(observation.ids).astype(str)
    place = dict(zip(ids[last].tolist(), last.tolist(), strict=True))  # of several examples with an id the first in _ORDER counts
    asked = np.asarray(observation.probes[probe].ids).astype(str)
    about = np.array([place.get(one, -1) for one in asked.tolist()])
    return about, about >= 0
