"""Exact memorization and extraction strength of planted answers, and min-k attacks on planted tokens."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from untrain.data.examples import Batch
from untrain.data.ragged import PAD
from untrain.evaluation.attacks.lowesttokenmia import LowestTokenMIA
from untrain.evaluation.base import Prepared
from untrain.evaluation.metrics.verbatim import Verbatim
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.resampling import number
from untrain.models.tasks.causallm import CausalLM

TASK = CausalLM(length=8, vocabulary=4)


def stored(said, wanted):
    """What is stored of a model that says some tokens where others are wanted, one row."""
    tokens = torch.tensor([[0, *wanted]])
    labels = tokens.clone()
    labels[:, 0] = PAD
    logits = torch.full((1, tokens.shape[1], 4), -2.0)
    for at, token in enumerate(said):
        logits[0, at, token] = 3.0
    return TASK.store(logits, Batch({"input_ids": tokens, "labels": labels}, torch.arange(1)))


@pytest.mark.parametrize(
    ("said", "hits", "suffix"),
    [((1, 2, 3, 1), 4, 4), ((1, 0, 3, 1), 3, 2), ((1, 2, 3, 0), 3, 0), ((0, 0, 0, 0), 0, 0), ((0, 2, 3, 1), 3, 3)],
)
def test_hits_are_counted_and_the_unbroken_end_of_them(said, hits, suffix):
    made = stored(said, (1, 2, 3, 1))
    assert (made["hits"].item(), made["suffix"].item(), made["count"].item()) == (hits, suffix, 4)


def test_places_that_are_not_scored_break_no_end():
    tokens, labels = torch.tensor([[0, 1, 2, 3]]), torch.tensor([[PAD, 1, PAD, 3]])
    logits = torch.full((1, 4, 4), -2.0)
    logits[0, 0, 1] = logits[0, 1, 0] = logits[0, 2, 3] = 3.0  # wrong where nothing is scored
    made = TASK.store(logits, Batch({"input_ids": tokens, "labels": labels}, torch.arange(1)))
    assert (made["hits"].item(), made["suffix"].item()) == (2, 2)


def observed(side, **outputs):
    """Models on examples of given sides."""
    n = len(side)
    plain = {"loss": np.ones((2, n)), "count": np.full((2, n), 4.0), "hits": np.zeros((2, n)), "suffix": np.zeros((2, n))}
    return Observation(plain | outputs, np.arange(n), np.arange(n), np.array(side), np.arange(n), task=TASK)


def values(made, seen):
    table = made.prepare(seen)
    found = made.evaluate(Prepared(table, table, seen.side, False))
    return {name: score if isinstance(score, str) else number(score) for name, score in found.items()}


def test_shares_are_means_over_a_side():
    side = ["forget", "forget", "retain", "test"]
    seen = observed(side, hits=np.array([[4.0, 2, 1, 0]] * 2), suffix=np.array([[4.0, 0, 1, 0]] * 2))
    found = values(Verbatim(), seen)
    assert found["exact_memorization_forget"] == pytest.approx(0.75)
    assert found["extraction_strength_forget"] == pytest.approx(0.5)
    assert found["exact_memorization_retain"] == found["extraction_strength_retain"] == pytest.approx(0.25)
    assert found["extraction_strength_test"] == 0
    assert values(Verbatim(), observed(["forget", "retain"]))["exact_memorization_test"] == "there are no test examples"


def test_areas_are_those_of_the_roc_curve():
    rng = np.random.default_rng(0)
    side = ["forget"] * 30 + ["retain"] * 5 + ["test"] * 40
    scores = rng.normal(size=(2, 75)) + np.array([0.5 * (s == "forget") for s in side])
    seen = observed(side, lowest=scores, lowest_standardised=-scores)
    member = [s == "forget" for s in side if s != "retain"]
    areas = [roc_auc_score(member, row[np.array(side) != "retain"]) for row in scores]
    found = values(LowestTokenMIA(), seen)
    assert found["mia_mink_auc"] == pytest.approx(np.mean(areas))
    assert found["mia_minkpp_auc"] == pytest.approx(1 - np.mean(areas))
    assert set(
        values(LowestTokenMIA(), observed(["forget", "retain"], lowest=scores[:, :2], lowest_standardised=scores[:, :2])).values()
    ) == {"there are no forget or no test examples"}


def test_the_lowest_fifth_is_stored():
    made = stored((1, 2, 3, 0), (1, 2, 3, 1))
    low, high = (math.log(math.exp(z) / (math.exp(3.0) + 3 * math.exp(-2.0))) for z in (-2.0, 3.0))
    assert made["lowest"].item() == pytest.approx(low, rel=1e-5)
    assert made["loss"].item() == pytest.approx(-(3 * high + low) / 4, rel=1e-5)
