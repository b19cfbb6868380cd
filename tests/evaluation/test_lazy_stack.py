"""A stack of models' arrays is the whole array, and reads one model at a time."""

import numpy as np
import pytest

from untrain.evaluation.lazy_stack import LazyStack, held_up_to, joined
from untrain.evaluation.metrics.jensenshannon import JensenShannon
from untrain.evaluation.observation import Observation
from untrain.evaluation.scoring.intervals import compare

WHOLE = np.random.default_rng(0).normal(size=(5, 30, 4)).astype(np.float32)
KEYS = [
    np.s_[1:4], np.s_[::-1], [3, 0, 0], np.array([True, False, True, True, False]), np.s_[:, 5:9], np.s_[:, [7, 2]],
    np.s_[1:3, np.arange(30) % 3 == 0], np.s_[:, 4], np.s_[..., 0], np.s_[[1, 2], [3, 4]], np.s_[2], np.s_[-1], np.int64(3),
    np.array(1), np.array([[0, 1], [1, 4]]), np.s_[:, np.array([[0, 1], [1, 2]])], WHOLE > 0,
]  # fmt: skip


def counted():
    """A stack of ``WHOLE`` and the models that were read, in order."""
    read = []

    def reader(at):
        return lambda: read.append(at) or WHOLE[at]

    stack = LazyStack.of([reader(at) for at in range(len(WHOLE))])
    read.clear()  # the first was read for its shape
    return stack, read


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_an_index_gives_what_the_array_gives(key):
    part = np.asarray(LazyStack.over(WHOLE)[key])
    assert part.shape == WHOLE[key].shape
    assert (part == WHOLE[key]).all()


def test_parts_of_parts_are_parts():
    part = LazyStack.over(WHOLE)[:, 4:20][1:4][:, [3, 1]]
    assert part.shape == (3, 2, 4)
    assert (np.asarray(part) == WHOLE[1:4, [7, 5]]).all()


def test_what_an_array_can_do_a_stack_can():
    stack = LazyStack.over(WHOLE)
    assert (stack.argmax(-1) == WHOLE.argmax(-1)).all()
    assert (2 * stack + 1 == 2 * WHOLE + 1).all()
    assert (np.exp(stack) == np.exp(WHOLE)).all()
    with pytest.raises(AttributeError, match="nonsense"):
        stack.nonsense  # noqa: B018


def test_nothing_is_written_to_a_stack():
    with pytest.raises(TypeError, match="LazyStack"):
        np.add(WHOLE, 1, out=LazyStack.over(WHOLE))


def test_choosing_reads_nothing_and_each_model_is_read_by_itself():
    stack, read = counted()
    part = stack[[4, 2]][:, :3]
    assert read == []
    rows = iter(part)
    next(rows)
    assert read == [4]


def test_signals_read_each_model_once_and_are_those_of_the_array():
    stack, read = counted()
    labels = np.arange(30) % 4
    columns = (labels, labels, np.repeat(["forget", "test"], 15), np.arange(30))
    whole, lazy = Observation.of_logits(WHOLE, *columns), Observation.of_logits(stack, *columns)
    for name in ("margin", "loss", "correct", "confidence"):
        read.clear()
        assert (lazy.signal(name) == whole.signal(name)).all()
        assert read == [0, 1, 2, 3, 4]


def test_blocks_of_examples_change_no_signal(monkeypatch):
    labels = np.arange(30) % 4
    seen = Observation.of_logits(WHOLE, labels, labels, np.repeat(["forget", "test"], 15), np.arange(30))
    before = {name: seen.signal(name) for name in ("margin", "loss", "correct", "confidence")}
    monkeypatch.setattr("untrain.evaluation.observation.BLOCK", 4 * 7)
    assert all((seen.signal(name) == values).all() for name, values in before.items())
    assert seen.at(np.array([], dtype=int)).signal("margin").shape == (5, 0)


def test_joined_populations_are_one_after_the_other():
    for parts in ((WHOLE, WHOLE[:2]), (LazyStack.over(WHOLE), WHOLE[:2]), (WHOLE, LazyStack.over(WHOLE[:2]))):
        assert (np.asarray(joined(*parts)) == np.concatenate([WHOLE, WHOLE[:2]])).all()


def test_what_fits_is_held():
    stack = LazyStack.over(WHOLE)
    assert isinstance(held_up_to(WHOLE.nbytes, stack), np.ndarray)
    assert held_up_to(WHOLE.nbytes - 1, stack) is stack


def test_distributions_that_do_not_fit_give_the_same_distances(monkeypatch):
    labels = np.arange(30) % 4
    seen = Observation.of_logits(WHOLE, labels, labels, np.repeat(["forget", "retain", "test"], 10), np.arange(30))
    ours, scores = seen.of_models([0, 1]), []
    for held in (2**28, 0):
        monkeypatch.setattr("untrain.evaluation.metrics.jensenshannon._HELD", held)
        ready = {"unlearned": JensenShannon().prepare(ours), "oracle": JensenShannon().prepare(seen.of_models([2, 3, 4]))}
        assert np.shares_memory(ready["oracle"][0], ready["oracle"][0]) is (held > 0)  # held, or computed anew at each use
        scores.append(compare(JensenShannon(), ready, seen, 20))
    assert scores[0] == scores[1]
