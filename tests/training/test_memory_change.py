"""How far a memory moved, by hand."""

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import BrokenPromise
from untrain.core.mask import Mask
from untrain.data.examples import Examples
from untrain.models.retrieval import RetrievalMemory
from untrain.models.state import state
from untrain.training import guard
from untrain.training.learners.retrieval import Retrieval
from untrain.training.learners.stream import Stream
from untrain.training.memory_change import MemoryChange, measure_memory
from untrain.training.problem import problem
from untrain.unlearners.deleterows import DeleteRows
from untrain.unlearners.takeback import TakeBack

HUGE = 2**62


def memory(*rows):
    """A memory of rows (key, key, class, hash)."""
    keys, values, names = (torch.tensor([r[at] for r in rows]) for at in (slice(0, 2), 2, 3))
    return RetrievalMemory(keys.float(), values, names, 3, 1, 1.0)


def test_hashes_and_classes_have_no_length_and_a_row_counts_once():
    before = state(memory((3.0, 4.0, 1, HUGE), (1.0, 1.0, 2, -HUGE), (0.0, 2.0, 0, 7)))
    after = memory((0.0, 0.0, 0, 0), (1.0, 1.0, 1, -HUGE), (0.0, 2.0, 0, 7))
    assert measure_memory(before, after) == MemoryChange(rows=3, moved=2, square=25.0)
    seen = guard.measure_changes(before, after, None, None)
    assert seen.moved_share == 2 / 4  # of one parameter and three rows
    assert seen.moved_norm == 5
    assert (seen.may_move, seen.outside_mask_max, seen.buffer_drift) == (1, 0, 0)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_of_a_memory_of_another_length_the_rows_that_went_or_came_moved(order):
    rows = ((3.0, 4.0, 1, HUGE), (1.0, 1.0, 2, -HUGE), (0.0, 2.0, 0, 7))
    before, after = state(memory(*rows, (6.0, 8.0, 1, 9))), memory(*(rows[at] for at in order))
    assert measure_memory(before, after) == MemoryChange(rows=4, moved=1, square=100.0)
    assert measure_memory(state(after), memory(*rows, (6.0, 8.0, 1, 9))) == MemoryChange(rows=4, moved=1, square=100.0)


def test_rows_that_are_alike_are_counted():
    row = (3.0, 4.0, 1, 5)
    assert measure_memory(state(memory(row, row, row)), memory(row)) == MemoryChange(rows=3, moved=2, square=50.0)


def test_a_memory_that_moved_under_a_mask_breaks_the_promise():
    before = state(memory((3.0, 4.0, 1, 5)))
    mask = Mask({"temperature": torch.ones((), dtype=torch.bool)}, "")
    for after, length in ((memory((0.0, 0.0, 1, 5)), 5.0), (memory((3.0, 4.0, 2, 5)), 1.0)):
        seen = guard.measure_changes(before, after, mask, mask)
        assert seen.outside_mask_max == length
        with pytest.raises(BrokenPromise, match="outside its mask"):
            guard.check_promises("Leak()", seen, False, after)


@pytest.fixture
def data():
    draw = np.random.default_rng(0)
    x = torch.from_numpy(draw.normal(size=(60, 4)).astype(np.float32))
    return Examples.labelled(x, torch.arange(60) % 3, np.arange(60), 3)


def test_deleting_rows_and_retraining_without_them_move_alike(data):
    posed, model = problem(data, [3, 9], Retrieval()), Retrieval()(data)
    deleted, retrained = (method.run(model, posed).guard for method in (DeleteRows(), ut.Retrain()))
    for seen in (deleted, retrained):
        assert seen.moved_share == pytest.approx(2 / 61)
        assert seen.moved_norm == pytest.approx(float(data.x[[3, 9]].double().norm()))


def test_a_stream_that_takes_an_example_back_moves_the_row_of_its_class(data):
    seen = TakeBack().run(Stream()(data), problem(data, [3], Stream())).guard
    assert seen.moved_share == pytest.approx(1 / 4)
    x = data.x[3].double()
    assert seen.moved_norm == pytest.approx(float((1 + (x**2).sum() + (x**4).sum()).sqrt()))
