"""An evaluator that is called directly refuses outputs that are not numbers in one line, wherever they lie."""

import numpy as np
import pytest

from untrain.core.errors import DataError
from untrain.evaluation.contract import planted
from untrain.evaluation.glossary import evaluators
from untrain.evaluation.lazy_stack import LazyStack
from untrain.evaluation.observation import Observation

GOOD = planted(2, 0.0)


def seen(logits):
    return Observation.of_logits(logits, GOOD.labels, GOOD.true, GOOD.side, GOOD.ids)


def spoiled(value):
    logits = np.array(GOOD.logits)
    logits[[0, 2], [5, 7], [1, 0]] = value
    return logits


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("mapped", [False, True])
def test_outputs_that_are_no_numbers_reach_no_evaluator(value, mapped, tmp_path):
    logits = spoiled(value)
    if mapped:
        np.save(tmp_path / "logits.npy", logits)
        logits = np.load(tmp_path / "logits.npy", mmap_mode="r")
    with pytest.raises(DataError, match="2 of 5400 logits of models on examples are NaN or infinite") as caught:
        seen(logits)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", ["loss", "margin", "forget quality"])
def test_outputs_of_any_name_and_shape_are_looked_at(table):
    values = np.zeros((3, 90), dtype=np.float32)
    values[1, 4] = np.nan
    with pytest.raises(DataError, match=f"1 of 270 {table} of models"):
        Observation({table: values}, GOOD.labels, GOOD.true, GOOD.side, GOOD.ids)


def test_what_is_finite_is_taken_mapped_or_not(tmp_path):
    np.save(tmp_path / "logits.npy", np.asarray(GOOD.logits))
    mapped = seen(np.load(tmp_path / "logits.npy", mmap_mode="r"))
    for made in evaluators():
        if any(not mapped.has(need) for need in made.needs):
            continue
        assert np.array_equal(made.prepare(mapped), made.prepare(GOOD), equal_nan=True)


def test_stored_outputs_are_not_read_for_it():
    def reader():
        raise AssertionError("read")

    seen(LazyStack((reader,) * 60, (90, 3), np.dtype(np.float32)))
