"""Models that learn in buffers, and forget by taking rows or examples out of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import untrain as ut
from untrain.core.errors import ModelError, NotFinite, RequestError, SpecError
from untrain.data.examples import Examples, take
from untrain.data.requests.base import Request
from untrain.data.requests.relabel import Relabel
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


def test_inputs_that_are_nan_are_named_where_the_memory_holds_none_of_them(data):
    damaged = data.with_inputs(data.x * torch.nan)
    with pytest.raises(NotFinite, match="NaN or infinite"):
        DeleteRows()(Retrieval()(data), problem(damaged, ["user 3"], Retrieval()))


@pytest.mark.parametrize("method", [TakeBack(), DeleteRows()])
def test_a_network_is_refused_in_one_line(method):
    with pytest.raises(ModelError, match="works on models of kind"):
        method(*small())


def test_a_memory_is_not_masked():
    with pytest.raises(SpecError, match="masks do not cover"):
        ut.parse("DeleteRows() @ WeightedGrad(keep=0.3)")


@pytest.mark.parametrize(("learner", "method"), [(Retrieval(), DeleteRows()), (Stream(), TakeBack())])
def test_retraining_a_memory_is_a_fair_run(data, learner, method):
    posed = problem(data, ["user 3"], learner)
    model = learner(data)
    retrained, forgot = ut.Retrain()(model, posed), method(model, posed)
    assert np.allclose(logits(retrained, data, Classification()), logits(forgot, data, Classification()), atol=1e-6)


def as_images(data):
    """The same inputs as uint8, and as the numbers in [0, 1] that stand for."""
    images = data.with_inputs((data.x * 20 + 100).clamp(0, 255).to(torch.uint8))
    return images, data.with_inputs(images.x.float() / 255)


@pytest.mark.parametrize(("learner", "method"), [(Retrieval(), DeleteRows()), (Stream(), TakeBack())])
def test_uint8_images_are_learned_and_forgotten_as_the_task_shows_them(data, learner, method):
    images, scaled = as_images(data)
    models = [method(learner(each), problem(each, ["user 3"], learner)) for each in (images, scaled)]
    asked = [logits(model, each, Classification()) for model, each in zip(models, (images, scaled), strict=True)]
    assert np.array_equal(*asked)


def test_what_a_stream_learned_of_images_is_about_images(data):
    images, _ = as_images(data)
    model = Stream()(images)
    right = torch.from_numpy(logits(model, images, Classification())).argmax(1) == images.y
    assert right.float().mean() > 0.5
    mean = model.total / model.count[:, None]
    assert torch.allclose(mean[0], images.x[images.y == 0].double().mean(0) / 255, atol=1e-6)


def test_a_stream_learns_what_stands_in_the_place_of_what_it_takes_back(data):
    posed = problem(data, Relabel(ids=("user 3", "user 9"), labels=(2, 1)), Stream())
    forgot, retrained = TakeBack()(Stream()(data), posed), Stream()(posed.retain)
    for name in retrained.memory:
        assert torch.allclose(getattr(forgot, name), getattr(retrained, name), atol=1e-9)
    assert not torch.allclose(forgot.count, Stream()(take(data, np.setdiff1d(np.arange(60), [3, 9]))).count)


def test_a_memory_that_only_deletes_refuses_to_correct(data):
    posed = problem(data, Relabel(ids=("user 3",), labels=(2,)), Retrieval())
    with pytest.raises(RequestError, match="DeleteRows only deletes"):
        DeleteRows()(Retrieval()(data), posed)


class First(Request):
    """The first row alone, whose id others bear too."""

    def draw(self, train):
        return np.array([0])


def test_one_row_of_an_id_goes_alone(data):
    shared = replace(data, ids=np.array(["user 0"] * 30 + ["user 1"] * 30))
    posed = problem(shared, First(), Retrieval())
    forgot = DeleteRows()(Retrieval()(shared), posed)
    assert (~forgot.valid).nonzero().flatten().tolist() == [0]
    retrained = Retrieval()(posed.retain)
    assert np.allclose(logits(forgot, data, Classification()), logits(retrained, data, Classification()), atol=1e-6)


def test_rows_alike_in_id_and_input_are_one_example(data):
    twice = take(data, np.array([0, 0, 1, 2, 3]))
    forgot = DeleteRows()(Retrieval()(twice), problem(twice, First(), Retrieval()))
    assert forgot.valid.tolist() == [False, False, True, True, True]


def test_a_memory_shares_no_storage_with_the_training_data():
    y = torch.arange(12) % 3
    flat = Examples.labelled(torch.arange(24.0).reshape(12, 2), y, np.arange(12), 3)
    before = flat.x.clone(), flat.y.clone()
    model = Retrieval()(flat)
    model.delete([3], flat.x[3:4])
    assert torch.equal(flat.x, before[0])
    assert torch.equal(flat.y, before[1])


def test_a_memory_before_learning_holds_nothing_and_takes_stored_weights(data):
    empty, learned = Retrieval().init(data, 0), Retrieval()(data)
    assert not any(getattr(empty, name).any() for name in empty.memory)
    even = empty(data.x).exp()
    assert torch.allclose(even, torch.full_like(even, 1 / 3))
    empty.load_state_dict(learned.state_dict())
    assert torch.equal(empty(data.x), learned(data.x))


def test_only_a_model_that_says_so_makes_a_stream_deterministic(data):
    class Drawing(NaiveBayes):
        deterministic = False

        def learn_one(self, x, y):
            super().learn_one(x + torch.randn(len(x)), y)

    assert Stream().deterministic
    assert not Stream(order="seeded").deterministic
    assert not Stream(model=Drawing).deterministic
    assert not Stream(model=lambda d, c: Drawing(d, c)).deterministic
    assert not torch.equal(Stream(model=Drawing)(data, 0).total, Stream(model=Drawing)(data, 1).total)
