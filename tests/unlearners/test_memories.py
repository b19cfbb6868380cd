"""Models that learn in buffers, and forget by taking rows or examples out of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import ModelError, SpecError
from untrain.data.examples import Examples, take
from untrain.models.inference import logits
from untrain.models.online.naivebayes import NaiveBayes
from untrain.models.state import state
from untrain.models.tasks.classification import Classification
from untrain.training.learners.retrieval import Retrieval
from untrain.training.learners.stream import Stream
from untrain.training.problem import problem
from untrain.training.toy import small
from untrain.unlearners.deleterows import DeleteRows
from untrain.unlearners.takeback import TakeBack


@pytest.fixture
def data():
    draw = np.random.default_rng(0)
    y = torch.arange(60) % 3
    x = torch.from_numpy(draw.normal(size=(60, 4)).astype(np.float32)) + y[:, None]
    return Examples.labelled(x, y, np.array([f"user {i}" for i in range(60)]), 3)


def test_naive_bayes_is_the_closed_form(data):
    model = Stream(model=lambda d, c: NaiveBayes(d, c, least=0.0))(data)
    x = data.x.double()
    mean = torch.stack([x[data.y == c].mean(0) for c in range(3)])
    spread = torch.stack([x[data.y == c].var(0, correction=0) for c in range(3)])
    by_hand = torch.distributions.Normal(mean, spread.sqrt()).log_prob(x[:, None]).sum(-1) + np.log(1 / 3)
    assert torch.allclose(model(data.x), by_hand)


def test_what_is_taken_back_from_a_stream_was_never_learned(data):
    posed = problem(data, ["user 3", "user 9"], Stream())
    outcome = TakeBack().run(Stream()(data), posed)
    retrained = Stream()(posed.retain)
    assert np.allclose(logits(outcome.model, data, Classification()), logits(retrained, data, Classification()), atol=1e-9)
    assert outcome.guard.moved_share > 0
    assert outcome.guard.buffer_drift == 0


def test_the_order_of_a_stream_is_data(data):
    class Last(NaiveBayes):
        def learn_one(self, x, y):
            self.total[y] = x.double()

    turned = take(data, np.arange(60)[::-1].copy())
    learner = Stream(model=Last)
    assert not torch.equal(learner(data).total, learner(turned).total)
    assert torch.equal(learner(data, 0).total, learner(data, 1).total)
    shuffled = Stream(model=Last, order="seeded")
    assert not torch.equal(shuffled(data, 0).total, shuffled(data, 1).total)


def test_a_model_that_learns_in_batches_is_no_stream(data):
    with pytest.raises(ModelError, match="learn_one"):
        Stream(model=lambda d, c: torch.nn.Linear(d, c))(data)


def test_a_memory_without_rows_is_the_memory_of_the_others(data):
    posed = problem(data, ["user 3", "user 9"], Retrieval())
    outcome = DeleteRows().run(Retrieval()(data), posed)
    retrained = Retrieval()(posed.retain)
    assert np.allclose(logits(outcome.model, data, Classification()), logits(retrained, data, Classification()), atol=1e-6)
    assert int(outcome.model.valid.sum()) == 58
    assert not outcome.model.keys[[3, 9]].any()
    assert outcome.guard.moved_share > 0


def test_deleting_rows_sees_ids_and_no_labels(data):
    posed = problem(data, ["user 3"], Retrieval())
    blind = replace(posed, forget=posed.forget.without_targets())
    assert not state(DeleteRows()(Retrieval()(data), blind))["valid"][3]


def test_a_memory_that_holds_none_of_them_says_so(data):
    others = replace(data, ids=np.array([f"another {i}" for i in range(60)]))
    with pytest.raises(ModelError, match="holds none"):
        DeleteRows()(Retrieval()(data), problem(others, ["another 3"], Retrieval()))


@pytest.mark.parametrize("method", [TakeBack(), DeleteRows()])
def test_a_network_is_refused_in_one_line(method):
    with pytest.raises(ModelError, match="works on models of kind"):
        method(*small())


def test_a_memory_is_not_masked():
    with pytest.raises(SpecError, match="writes a memory"):
        ut.parse("DeleteRows() @ WeightedGrad(keep=0.3)")


@pytest.mark.parametrize(("learner", "method"), [(Retrieval(), DeleteRows()), (Stream(), TakeBack())])
def test_retraining_a_memory_is_a_fair_run(data, learner, method):
    posed = problem(data, ["user 3"], learner)
    model = learner(data)
    retrained, forgot = ut.Retrain()(model, posed), method(model, posed)
    assert np.allclose(logits(retrained, data, Classification()), logits(forgot, data, Classification()), atol=1e-6)
