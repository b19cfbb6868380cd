"""Difference of means."""

from __future__ import annotations

from untrain.attribution.base import Array, Attributor, TrainingEvidence
from untrain.attribution.memorization import mean_differences


class MeanDifference(Attributor):
    """Mean output of the models that saw an example, minus that of the models that did not.

    Without bias where each example was drawn by itself, ``Subsets(scheme='bernoulli')``. In subsets of one fixed size, such as
    'balanced' ones, it is the effect of the example instead of an average other one: of four examples whose effects are
    1, 2, 3 and 4, all pairs give -2, -2/3, 2/3 and 2. Among many examples whose effects have no common sign that is next to
    nothing.

    >>> from untrain.attribution.toy import planted
    >>> evidence, effects = planted()
    >>> values = MeanDifference()(evidence, rows=[0, 1])
    >>> values.shape == effects[:2].shape, bool(abs(values - effects[:2]).max() < 0.5)
    (True, True)

    Source: Feldman and Zhang 2020, arXiv 2008.03703, eq. 2, of each logit.
    """

    def attribute(self, evidence: TrainingEvidence, rows: Array, asked_rows: Array) -> Array:
        """The differences, all classes of an example side by side."""
        outputs, seen = evidence.population()
        outputs = outputs[:, asked_rows]
        return mean_differences(outputs.reshape(len(outputs), -1), seen[:, rows]).reshape(len(rows), *outputs.shape[1:])
