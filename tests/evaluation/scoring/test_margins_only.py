import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from untrain.evaluation.base import Evaluator, Measure, Part, Prepared
from untrain.evaluation.glossary import evaluators
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.metrics.klom import KLoM
from untrain.evaluation.metrics.perexample import PerExample
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.margins_only import LABELS, MORE, OfMargins, embed_margins, scores_of_margins
from untrain.maths.logits import losses, margins


@given(
    hnp.arrays(np.float32, (2, 5), elements=st.floats(-60, 60, width=32)),
    st.one_of(st.none(), hnp.arrays(np.int64, 5, elements=st.integers(0, 6))),
)
def test_margins_and_losses_of_embedded_margins_are_theirs(given, labels):
    logits, known = embed_margins(given, labels)
    assert (margins(logits, known) == given).all()
    assert losses(logits, known) == pytest.approx(np.logaddexp(0, -given.astype(np.float64)), abs=1e-12)
    assert labels is None or (known == labels).all()


def test_one_model_is_embedded_as_several_are():
    wide = np.array([[0.5, -2.0, 1.0], [3.0, 0.0, -1.0]])
    labels = np.array([2, 0, 1])
    assert (embed_margins(wide, labels)[0][1] == embed_margins(wide[1], labels)[0]).all()


def test_margins_are_enough_for_klom_and_never_for_accuracy():
    assert scores_of_margins(KLoM()) == set(KLoM.scores)
    assert scores_of_margins(PerExample()) == set(PerExample.scores)
    assert scores_of_margins(Accuracy()) == scores_of_margins(Accuracy(), labels=True) == set()


def test_no_score_of_whole_logits_changes_unseen_when_they_are_embedded():
    """What is called enough is the same number, on other data than it was found by."""
    draw = np.random.default_rng(7)
    side = np.repeat(["forget", "retain", "test"], 40)
    labels = draw.integers(4, size=120)

    def seen(kept, seed):
        logits = np.random.default_rng(seed).normal(0, 2, (20, 120, 4))
        known = labels
        if kept:
            logits, known = embed_margins(margins(logits, labels), labels)
        return Observation.of_logits(logits, known, known, side, np.arange(120))

    for evaluator in evaluators():
        found = [
            evaluator.evaluate(Prepared(*(evaluator.prepare(seen(kept, s)) for s in (1, 2)), side, False)) for kept in (False, True)
        ]
        for name in scores_of_margins(evaluator, labels=True):
            one, other = (f.get(name) for f in found)
            if isinstance(one, Measure):
                for p, q in zip(one.parts, other.parts, strict=True):
                    assert p.values == pytest.approx(q.values, rel=1e-9, abs=1e-12), name


def test_a_score_that_needs_more_is_null_with_a_reason_and_others_are_as_they_were():
    draw = np.random.default_rng(0)
    side = np.repeat(["forget", "retain", "test"], 10)
    tables = [draw.normal(size=(4, 30)) for _ in range(2)]
    zeros = np.zeros(30, dtype=int)
    held = [Observation.of_logits(embed_margins(t)[0], zeros, zeros, side, np.arange(30)) for t in tables]
    made = OfMargins(Accuracy())
    assert set(made.evaluate(Prepared(*map(made.prepare, held), side, False)).values()) == {MORE}
    made = OfMargins(PerExample())
    trial = Prepared(*map(made.prepare, held), side, False)
    assert made.evaluate(trial).keys() == PerExample().evaluate(trial).keys()
    assert not any(isinstance(m, str) for m in made.evaluate(trial).values())
    assert made.scores == PerExample.scores


class ByClass(Evaluator):
    """The mean margin of class 0.

    Source: made up for tests.
    """

    scores = PerExample.scores

    def prepare(self, seen):
        """Margins of class 0."""
        return margins(seen.logits, seen.labels) * (seen.labels == 0)

    def evaluate(self, trial):
        """Their mean."""
        return {"example_max": Measure((Part(1, "unlearned", "test", trial.unlearned),))}


def test_what_labels_would_tell_is_said():
    side = np.array(["forget", "retain", "test"])
    assert scores_of_margins(ByClass()) == set()
    assert "example_max" in scores_of_margins(ByClass(), labels=True)
    table = np.ones((1, 3))
    assert OfMargins(ByClass()).evaluate(Prepared(table, table, side, False)) == {"example_max": LABELS}
