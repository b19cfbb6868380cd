"""Training in shards and slices."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import DataError, ModelError
from untrain.core.metering import metered
from untrain.core.seeds import seed_of, seeded
from untrain.data.examples import Batch, Examples, take
from untrain.models.features import forward_with_features
from untrain.models.inference import logits
from untrain.models.shard_ensemble import ShardEnsemble
from untrain.models.state import load_state, state, weights
from untrain.models.tasks.classification import Classification
from untrain.models.tasks.regression import Regression
from untrain.training.learners.sisa import SISA, places
from untrain.training.learners.train import Train, fit
from untrain.training.steps import Constant, Steps
from untrain.training.toy import changes

STEPS = Steps(lr=0.05, epochs=4, batch=16, schedule=Constant())


def network():
    """A classifier of four numbers with batch norm and dropout, both of which depend on what was drawn before."""
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))


@pytest.fixture
def data():
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(90) % 3
    return Examples.labelled(torch.randn(90, 4, generator=draw) + y[:, None], y, np.arange(90), 3)


def test_a_place_depends_on_the_id_and_the_seed_alone(data):
    shard, part = places(data.ids, 3, 4, 2)
    fewer = places(data.ids[7:40], 3, 4, 2)
    assert (fewer[0] == shard[7:40]).all()
    assert (fewer[1] == part[7:40]).all()
    assert (places(data.ids, 4, 4, 2)[0] != shard).any()
    many = np.zeros((4, 2))
    np.add.at(many, places(np.arange(8000), 0, 4, 2), 1)
    assert abs(many - 1000).max() < 150  # five standard deviations of a fair draw


def test_each_model_learns_its_shard_slice_after_slice(data):
    model = SISA(model=network, shards=3, slices=2, steps=STEPS)(data, 5)
    shard, part = places(data.ids, 5, 3, 2)
    for at in range(3):
        own = seed_of(5, "shard", at)
        by_hand = Train(model=network).init(data, own)
        for stage, epochs in ((0, 2), (1, 3)):  # 8 // 3 and 16 // 3 - 8 // 3
            if stage:
                saved = model.checkpoints[at].buffers()
                assert all(torch.equal(a[0], b) for a, b in zip(saved, state(by_hand).values(), strict=True))
            rows = np.flatnonzero((shard == at) & (part <= stage))
            with seeded(torch.device("cpu"), seed_of(own, "slice", stage)):
                steps = replace(STEPS, epochs=epochs)
                fit(by_hand, take(data, rows), steps, Classification(classes=3), seed_of(own, "slice", stage))
        assert not changes(state(by_hand), state(model.members[at]))


def test_probabilities_are_averaged_over_the_shards_with_examples(data):
    model = SISA(model=network, shards=3, slices=2, steps=STEPS)(data)
    said = torch.stack([member(data.x).softmax(1) for member in model.members])
    assert torch.allclose(model(data.x).exp(), said.mean(0), atol=1e-6)
    model.sizes[1] = torch.tensor([0, 1])
    assert torch.allclose(model(data.x).exp(), said[[0, 2]].mean(0), atol=1e-6)
    model.sizes.zero_()
    assert torch.allclose(model(data.x).exp(), said.mean(0), atol=1e-6)


def test_a_shard_without_a_vote_has_no_gradient_and_no_nan(data):
    model = SISA(model=network, shards=2, slices=1, steps=STEPS)(data)
    model.sizes[1] = 0
    model.zero_grad()
    model(data.x).sum().backward()
    assert not any(p.grad.any() for p in model.members[1].parameters())
    assert all(bool(torch.isfinite(p.grad).all()) for p in model.parameters())


def test_numbers_are_averaged_as_they_are(data):
    numbers = replace(data.with_targets(data.x.sum(1)), categories=())
    learner = SISA(model=lambda: nn.Linear(4, 1), shards=2, slices=2, steps=replace(STEPS, lr=0.01), task=Regression())
    model = learner(numbers)
    assert torch.allclose(model(data.x), (model.members[0](data.x) + model.members[1](data.x)) / 2)


def test_stages_see_as_many_examples_as_one_training(data):
    steps = replace(STEPS, epochs=30)
    with metered() as sliced:
        SISA(model=network, shards=1, slices=5, steps=steps)(data)
    with metered() as whole:
        Train(model=network, steps=steps)(data)
    assert abs(sliced.backward / whole.backward - 1) < 0.1


def test_every_stage_has_an_epoch_unless_there_are_none(data):
    assert [SISA(model=network, slices=5, steps=replace(STEPS, epochs=1))._epochs(at) for at in range(5)] == [1] * 5
    untrained = SISA(model=network, shards=2, steps=replace(STEPS, epochs=0))
    model, before = untrained(data), untrained.init(data, 0)
    assert not changes(state(model.members), state(before.members))


def test_a_stored_model_is_loaded_and_its_checkpoints_are_no_weights(data):
    learner = SISA(model=network, shards=3, slices=3, steps=STEPS)
    model = learner(data, 2)
    loaded = load_state(learner.init(data, 0), model.state_dict())
    assert not changes(state(model), state(loaded))
    assert int(loaded.seed) == 2
    assert not any("checkpoints" in name for name in weights(model))


def test_the_heads_of_all_shards_are_the_head(data):
    model = SISA(model=network, shards=2, slices=1, steps=STEPS)(data)
    task = Classification(classes=3)
    assert task.head(model) == tuple(f"members.{at}.4.{name}" for at in (0, 1) for name in ("weight", "bias"))
    with pytest.raises(ModelError, match="several heads"):
        forward_with_features(model, Batch.labelled(data.x, data.y), task)


def test_too_many_shards_are_refused(data):
    with pytest.raises(DataError, match="take fewer shards"):
        SISA(model=network, shards=50)(take(data, np.arange(3)))


def test_a_model_that_does_not_fit_is_refused_before_training(data):
    with pytest.raises(ModelError, match="cannot take examples"):
        SISA(model=lambda: nn.Linear(5, 3))(data)


def test_a_shard_ensemble_is_any_model_to_other_methods(data):
    learner = SISA(model=network, shards=2, slices=2, steps=STEPS)
    model = learner(data)
    assert isinstance(model, ShardEnsemble)
    posed = ut.problem(data, [1, 2, 3], learner)
    tuned = ut.Finetune(steps=replace(STEPS, epochs=1))(model, posed)
    assert not np.array_equal(logits(tuned, data, Classification()), logits(model, data, Classification()))
    assert not changes(state(model.checkpoints), state(tuned.checkpoints))
