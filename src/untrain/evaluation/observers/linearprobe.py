"""Labels that a linear classifier can still read off the features of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from torch import nn

from untrain.core.errors import DataError
from untrain.core.fields import Count
from untrain.data.examples import take
from untrain.data.splits import stratified
from untrain.evaluation.base import Array, Measure, Measured, Part, Prepared, ScoreInfo
from untrain.evaluation.observers.base import Observer, ObserverContext, forgets
from untrain.maths.linear_probe import cross_fitted
from untrain.models.features import features

_WEAK = "features that never saw a class may reveal it as well: read it next to the oracles' value, never next to 0"
_MARGIN = 0.02  # of accuracy, either way
_WHOSE = {
    "forget": "the forget set",
    "test": "test examples",
    "forgotten": "test examples of the classes of the forget set, where it does not have all classes",
}


def _abouts() -> dict[str, ScoreInfo]:
    texts = {}
    for name, whose in _WHOSE.items():
        means = f"accuracy on {whose} of a linear probe of frozen features, fitted on other test examples"
        harm = "loses utility" if name == "test" else "over-forgets"
        below = f"{harm}: features reveal less of {whose} than those of retrained models"
        more = f"features reveal more of {whose} than those of retrained models"
        above = more if name == "test" else f"remembers in its features: {more}"
        texts[f"probe_{name}_accuracy"] = ScoreInfo(
            means, "fraction", "the oracles' value", _WEAK, below=below, above=above, margin=_MARGIN
        )
    texts["probe_forget_confidence"] = ScoreInfo(
        "probability of the labels of the forget set by a linear probe of frozen features, fitted on test examples, mean",
        "probability", "the oracles' value", _WEAK,
    )  # fmt: skip
    return texts


class LinearProbe(Observer):
    """Accuracy of a logistic regression on the inputs of the classifier head, with the model frozen.

    Test examples are cut into parts, classes alike in each; a probe is fitted on all parts but one and labels that one and the
    forget set, whose accuracy is the mean over the probes. So probes see labels of all classes, those of forgotten classes
    too, and no example that the model was trained on. A method that changes the head alone leaves the probe as it is.

    Args:
        folds: parts that test examples are cut into.
        most: examples per side that count: of the forget set the first, of test examples as many of each class as its share.
        c: weight of the losses against the squared weights of the probe, as scikit-learn's ``C``.

    Source: Alain and Bengio 2016, arXiv 1610.01644 (linear probes); on features of unlearned models as in Golatkar et al. 2020,
        arXiv 1911.04933 (read-out functions).
    Departs: probes are fitted on test examples, from which neither the original nor retrained models have learned.
    """

    folds: Annotated[int, Field(ge=2)] = 2
    most: Count = 2000
    c: Annotated[float, Field(gt=0)] = 1.0

    needs: ClassVar[frozenset[str]] = frozenset({"classes"})
    by_labels: ClassVar[bool] = True
    scores: ClassVar[Mapping[str, ScoreInfo]] = _abouts()

    def look(self, model: nn.Module, sight: ObserverContext) -> Array:
        """Of each forget, then of each test example: is the probe right, how sure of the label, is it of the forget set's classes?

        Returns:
            Of forget examples means over the probes, (n, 3).

        Raises:
            DataError: targets are not classes, or test examples are too few to fit probes on.
        """
        forget, test = take(sight.forget, np.arange(min(len(sight.forget), self.most))), take(sight.test, self._drawn(sight))
        ours, theirs = (side.y[:].cpu().numpy() for side in (forget, test))
        folds = stratified(theirs, (1 / self.folds,) * self.folds, 0)
        if any(len(np.unique(np.delete(theirs, rows))) < 2 for rows in folds):
            raise DataError(f"{len(theirs)} test examples are too few for {self.folds} probes: each needs two classes to fit on")
        shown, asked = (features(model, side, sight.task) for side in (test, forget))
        classes = int(max(ours.max(initial=0), theirs.max())) + 1
        held_out, given = cross_fitted(shown, theirs, folds, asked, classes, self.c)
        right = np.concatenate([(given.argmax(2) == ours).mean(0), held_out.argmax(1) == theirs])
        sure = np.concatenate([given[:, np.arange(len(ours)), ours].mean(0), held_out[np.arange(len(theirs)), theirs]])
        return np.stack([right, sure, np.isin(np.concatenate([ours, theirs]), ours)], axis=1)

    def _drawn(self, sight: ObserverContext) -> Array:
        labels = sight.test.y[:].cpu().numpy()
        if labels.ndim != 1 or labels.dtype.kind not in "iu":
            raise DataError("a probe predicts classes, and the targets of these examples are not classes")
        if len(np.unique(labels)) < 2:
            raise DataError(f"{len(labels)} test examples are too few for a probe: it needs two classes to fit on")
        share = min(1.0, self.most / max(len(labels), 1))
        return stratified(labels, (share, 1 - share), sight.seed)[0] if share < 1 else np.arange(len(labels))

    def compare(self, trial: Prepared) -> Mapping[str, Measured | str]:
        """Accuracies, and how sure the probes are of the forget set's labels."""
        cut = forgets(trial, self.most)
        known = trial.unlearned[0, cut:, 2] > 0
        ours, theirs = trial.unlearned[:, :cut], trial.unlearned[:, cut:, 0]
        scores: dict[str, Measured | str] = {
            "probe_forget_accuracy": Measure((Part(1, "unlearned", "forget", ours[..., 0]),)),
            "probe_forget_confidence": Measure((Part(1, "unlearned", "forget", ours[..., 1]),)),
            "probe_test_accuracy": Measure((Part(1, "unlearned", "test", theirs),)),
            "probe_forgotten_accuracy": "all classes of the test examples, or none of them, are in the forget set",
        }
        if known.any() and not known.all():
            scores["probe_forgotten_accuracy"] = Measure((Part(1, "unlearned", "test", theirs[:, known]),))
        return scores
