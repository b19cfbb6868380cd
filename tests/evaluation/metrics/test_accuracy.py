from dataclasses import replace

import numpy as np
import pytest

from trials import TrialObservations, score
from untrain.evaluation.metrics.accuracy import Accuracy
from untrain.evaluation.scoring.assessment import reference_of


def right(planted, shares, side, classes=2, models=1):
    """Models right on the first share of each side's examples."""
    labels = np.zeros(len(side), dtype=int)
    hit = np.zeros(len(side), dtype=bool)
    for name, share in shares.items():
        rows = np.flatnonzero(side == name)
        hit[rows[: round(share * len(rows))]] = True
    logits = np.zeros((models, len(side), classes))
    logits[:, :, 0] = np.where(hit, 1, -1)
    return planted.observed(logits, labels, side)


def values(planted, ours, oracle):
    return {n: s.value for n, s in score(Accuracy(), TrialObservations(oracle, ours, oracle), draws=50).items()}


def test_numbers_land_under_their_own_names(planted):
    side = planted.sides(10, 30, 20)
    seen = right(planted, {"retain": 1.0, "forget": 0.0, "test": 0.5}, side)
    found = values(planted, seen, seen)
    assert (found["retain_accuracy"], found["forget_accuracy"], found["test_accuracy"]) == (1.0, 0.0, 0.5)
    assert {n for n in found if n.endswith("gap")} == {"forget_gap", "retain_gap", "test_gap"}


def test_corrected_rows_have_an_accuracy_of_their_own_where_there_are_any(planted):
    side = np.concatenate([planted.sides(10, 30, 20), np.repeat("corrected", 4)])
    oracle, ours = (right(planted, {"forget": 0.5, "retain": 1, "test": 1, "corrected": s}, side) for s in (1.0, 0.25))
    found = values(planted, ours, oracle)
    assert (found["corrected_accuracy"], found["corrected_gap"]) == (0.25, 0.75)
    assert (found["test_accuracy"], found["retain_accuracy"]) == (1.0, 1.0)


def test_without_corrected_rows_nothing_is_said_of_them_even_where_accuracy_cannot_be_had(planted):
    seen = right(planted, {"forget": 0.5, "retain": 1, "test": 1}, planted.sides(10, 30, 20), models=2)
    margins = replace(seen, outputs={"margin": np.asarray(seen.logits[..., 0])})
    refused = reference_of([Accuracy()], margins).refused
    assert "forget_accuracy" in refused
    assert not [name for name in (*values(planted, seen, seen), *refused) if "corrected" in name]


def test_a_gap_is_oracle_minus_unlearned(planted):
    side = planted.sides(10_000, 1, 1)
    oracle, ours = (right(planted, {"forget": s, "retain": 1, "test": 1}, side) for s in (0.84, 0.8303))
    assert values(planted, ours, oracle)["forget_gap"] == pytest.approx(0.0097)


def test_a_forget_set_of_one_is_counted_over_one(planted):
    side = planted.sides(1, 5, 3)
    found = score(
        Accuracy(), TrialObservations(*[right(planted, {"forget": 1, "retain": 0.2, "test": 0}, side, models=4)] * 3), draws=50
    )
    assert found["forget_accuracy"].value == 1
    assert found["retain_accuracy"].value == pytest.approx(0.2)
    assert found["forget_accuracy"].low < 0.5 < found["forget_accuracy"].high == 1  # one example says little of others


@pytest.mark.parametrize("size", [7, 513, 1025])
def test_no_example_is_dropped_from_a_denominator(planted, size):
    side = planted.sides(size, size, size)
    one = right(planted, dict.fromkeys(("forget", "retain", "test"), 1 / size), side)
    assert values(planted, one, one)["test_accuracy"] == pytest.approx(1 / size)


@pytest.mark.parametrize("sizes", [(5_000, 45_000, 10_000), (7_325, 65_932, 26_032)])
def test_the_denominators_of_cifar_and_svhn_are_all_of_their_examples(planted, sizes):
    names = ("forget", "retain", "test")
    seen = right(planted, {name: (k + 1) / n for k, (name, n) in enumerate(zip(names, sizes, strict=True))}, planted.sides(*sizes))
    found = values(planted, seen, seen)
    for k, (name, n) in enumerate(zip(names, sizes, strict=True)):
        assert found[f"{name}_accuracy"] == pytest.approx((k + 1) / n, rel=1e-9)


def test_true_labels_are_scored_where_noise_was_planted_only(planted):
    side = planted.sides(2, 2, 2)
    logits = np.tile([1.0, 0.0], (1, 6, 1))
    plain = planted.observed(logits, np.zeros(6, dtype=int), side)
    flipped = planted.observed(logits, [1, 1, 0, 0, 0, 0], side, true=np.zeros(6, dtype=int))
    assert not any("true" in n for n in values(planted, plain, plain))
    found = values(planted, flipped, flipped)
    assert (found["forget_accuracy"], found["forget_true_accuracy"]) == (0.0, 1.0)


def test_a_side_without_examples_has_a_reason_and_no_number(planted):
    side = planted.sides(3, 3, 0)
    seen = planted.noisy(3, side)
    found = score(Accuracy(), TrialObservations(seen, seen, seen), draws=50)
    assert found["test_gap"].value is None
    assert found["test_gap"].low is None
    assert found["test_gap"].reason == "there are no test examples"
    assert found["forget_gap"].value == 0
