"""Outputs of few digits: rounding alone must not tell populations apart."""

import numpy as np
import pytest

import untrain as ut
from untrain.core.errors import DataError
from untrain.evaluation.rounding import check_rounding


def softmax(models, seed):
    logits = np.random.default_rng(seed).normal(size=(models, 60, 3)) * 4
    return np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)


SIDES = np.repeat(["forget", "retain", "test"], 20)
LABELS = np.random.default_rng(0).integers(3, size=60)


def test_probabilities_rounded_on_one_side_alone_are_refused(tmp_path):
    models = ut.Outputs(
        softmax(3, 1).astype(np.float16), softmax(6, 2).astype(np.float32), labels=LABELS, sides=SIDES, probabilities=True
    )
    with pytest.raises(DataError, match=r"rounded differently \(unlearned float16, oracles float32\)"):
        ut.audit(models, store=tmp_path / "store")


def test_probabilities_of_half_precision_on_both_sides_are_noted(tmp_path):
    models = ut.Outputs(
        softmax(3, 1).astype(np.float16), softmax(6, 2).astype(np.float16), labels=LABELS, sides=SIDES, probabilities=True
    )
    assert any("half precision" in line for line in ut.audit(models, store=tmp_path / "store")["warnings"])


def test_logits_of_two_types_are_noted_and_of_one_are_not():
    half, single = np.zeros((2, 3, 4), np.float16), np.zeros((2, 3, 4), np.float32)
    assert "may be rounding" in check_rounding({"unlearned": half, "oracles": single}, False)[0]
    assert check_rounding({"unlearned": half, "oracles": half}, False) == ()
