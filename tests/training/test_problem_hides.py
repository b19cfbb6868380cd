"""What a problem keeps from a method, and what a method that writes to it can reach."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.data.examples import Examples, prototype, take
from untrain.data.ragged import Ragged
from untrain.data.requests.relabel import Relabel
from untrain.data.requests.resolve import request
from untrain.models.state import same, state
from untrain.training.base import Learner
from untrain.training.learners.retrieval import Retrieval
from untrain.training.learners.scikitlearn import ScikitLearn
from untrain.training.learners.stream import Stream
from untrain.training.learners.train import Train
from untrain.training.problem import problem

STEPS = ut.parse("Steps(lr=0.1, epochs=1, batch=8)")


@pytest.fixture
def data():
    draw = torch.Generator().manual_seed(0)
    plain = Examples.labelled(torch.randn(24, 1, 6, 6, generator=draw), torch.arange(24) % 3, np.arange(24), 3)
    return replace(plain, true=plain.y, columns={"source": np.arange(24)}, owner=np.arange(24))


class Spy(Learner):
    """A learner that records what its ``init`` is shown."""

    def init(self, examples, seed):
        shown.append(examples)
        return torch.nn.Linear(36, 3)

    def learn(self, examples, seed):
        return self.init(examples, seed)


shown: list[Examples] = []


def test_init_is_shown_one_row_of_zeros_and_no_example(data):
    shown.clear()
    posed = problem(data, [1, 2], Spy()).only(frozenset({"forget"}))
    posed.init(3)
    (seen,) = shown
    assert len(seen) == 1
    assert not seen.x.any()
    assert not seen.y.any()
    assert (seen.true, seen.columns, seen.owner) == (None, {}, None)
    assert (seen.x.shape[1:], seen.x.dtype, seen.y.dtype, seen.categories) == (
        data.x.shape[1:], data.x.dtype, data.y.dtype, data.categories
    )  # fmt: skip
    held = [cell.cell_contents for cell in posed.init.args[0].__closure__]
    assert [len(each) for each in held if isinstance(each, Examples)] == [1]


@pytest.mark.parametrize(
    "learner", [Train(model=ut.MLP(width=4), steps=STEPS), Train(model=ut.ConvNet(width=4)), Stream(), ScikitLearn()]
)
def test_what_is_made_without_the_data_is_what_the_data_would_make(data, learner):
    made, wanted = state(problem(data, [1, 2], learner).init(3)), state(learner.init(data, 3))
    assert made.keys() == wanted.keys()
    assert all(same(made[name], value) for name, value in wanted.items())


def test_a_fresh_memory_holds_no_example(data):
    fresh = problem(data, [1, 2], Retrieval()).init(0)
    assert not any(getattr(fresh, name).any() for name in fresh.memory)


def test_a_prototype_of_texts_has_their_length_and_no_token():
    rows = Ragged.of([[5, 6, 7], [8]])
    made = prototype(Examples({"input_ids": rows, "y": torch.tensor([1, 1])}, np.array(["a", "b"]), ("no", "yes")))
    assert made.x[:].tolist() == [[0, 0, 0]]
    assert made.y.tolist() == [0]
    assert made.ids.tolist() == [""]


def test_a_method_that_writes_to_its_problem_changes_nothing_for_others(data):
    valid = take(data, np.arange(24))
    by = request(data, Relabel(ids=(1, 2), labels=(0, 0)))
    before = [e.x.clone() for e in (data, valid, by.replacement)] + [e.y.clone() for e in (data, valid, by.replacement)]
    posed = problem(data, by, Train(model=ut.MLP(width=4), steps=STEPS), valid=valid)
    for part in (posed.forget, posed.retain, posed.valid, posed.replacement):
        part.x.fill_(7.0)
        part.y.fill_(2)
    after = [e.x for e in (data, valid, by.replacement)] + [e.y for e in (data, valid, by.replacement)]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
