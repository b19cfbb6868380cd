import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trials import TrialObservations, score
from untrain.evaluation.metrics.disagreement import Disagreement, differing

CLASSES = st.integers(0, 4)


@given(arrays(np.int32, (3, 6), elements=CLASSES), arrays(np.int32, (5, 6), elements=CLASSES))
def test_it_is_the_mean_over_pairs_of_models(ours, theirs):
    pairs = np.mean([[a != b for b in theirs] for a in ours], axis=1)
    assert differing(ours, theirs) == pytest.approx(pairs)


def answered(planted, classes, side):
    """Models that answer with these classes (m, n)."""
    classes = np.asarray(classes)
    return planted.observed(np.eye(3)[classes], np.zeros(classes.shape[1], int), side)


def test_planted_answers_differ_by_side_as_planted(planted):
    side = planted.sides(2, 2, 2)
    oracle = answered(planted, [[0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 2, 2]], side)
    ours = answered(planted, [[1, 1, 1, 1, 2, 0]], side)
    s = score(Disagreement(), TrialObservations(ours, ours, oracle), draws=50)
    assert [s[f"disagreement_{x}"].value for x in ("forget", "retain", "test")] == [0.75, 0, 0.5]


def test_the_ideal_is_what_oracles_score_against_others_and_not_against_themselves(planted):
    # Oracles that answer at random among three classes differ in two of three examples; the pair of one with itself never does.
    side = planted.sides(300, 30, 30)
    oracle = answered(planted, np.random.default_rng(0).integers(3, size=(6, 360)), side)
    s = score(Disagreement(), TrialObservations(oracle, oracle, oracle), draws=20)["disagreement_forget"]
    few = score(
        Disagreement(),
        TrialObservations(oracle, *(answered(planted, oracle.logits[at].argmax(-1), side) for at in (slice(3), slice(6)))),
        draws=20,
    )
    assert s.value == pytest.approx(5 / 6 * 2 / 3, abs=0.02)
    assert few["disagreement_forget"].ideal == few["disagreement_forget"].floor == pytest.approx(2 / 3, abs=0.02)


def test_without_examples_of_a_side_there_is_a_reason(planted):
    seen = planted.noisy(3, planted.sides(4, 4, 0))
    s = score(Disagreement(), TrialObservations(seen, seen, seen), draws=5)
    assert s["disagreement_test"].reason == "there are no test examples"
    assert s["disagreement_forget"].value is not None
