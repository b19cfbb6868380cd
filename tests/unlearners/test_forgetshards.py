"""Exact unlearning of models that were trained in shards."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import DataError, MaskError, ModelError, SpecError
from untrain.core.mask import Mask
from untrain.core.metering import metered
from untrain.data.augmentations.horizontalflip import HorizontalFlip
from untrain.data.examples import Examples, take
from untrain.data.requests.base import Request
from untrain.data.requests.relabel import Relabel
from untrain.models.state import state
from untrain.training.learners.sisa import SISA, places
from untrain.training.learners.train import Train
from untrain.training.problem import problem
from untrain.training.steps import Constant, Steps
from untrain.training.toy import changes, small
from untrain.unlearners.forgetshards import ForgetShards

STEPS = Steps(lr=0.05, epochs=4, batch=8, schedule=Constant())


def network():
    """Convolutions with batch norm, and dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(16, 3)
    )  # fmt: skip


LEARNER = SISA(model=network, shards=3, slices=3, steps=STEPS, augment=(HorizontalFlip(),))


@pytest.fixture(scope="module")
def data():
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(90) % 3
    x = torch.randn(90, 1, 4, 4, generator=draw) + y[:, None, None, None]
    return Examples.labelled(x, y, np.array([f"user {i}" for i in range(90)]), 3)


@pytest.fixture(scope="module")
def model(data):
    return LEARNER(data, 11)


def rows_of(data, shard, slices):
    """Rows of some slices of a shard of the model."""
    where = places(data.ids, 11, 3, 3)
    return np.flatnonzero((where[0] == shard) & np.isin(where[1], slices))


def exact(model, posed, learner=LEARNER, seed=11):
    """Whether what it makes is what the learner makes of the retain set, in all parameters, buffers and checkpoints."""
    forgot = ForgetShards()(model, posed)
    return not changes(state(learner(posed.retain, seed)), state(forgot)), forgot


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "choose",
    [
        lambda data: np.array([0]),
        lambda data: np.array([3, 17, 40, 41, 77]),
        lambda data: rows_of(data, 1, [0, 1, 2]),
        lambda data: rows_of(data, 2, [1]),
        lambda data: rows_of(data, 0, [0]),
        lambda data: rows_of(data, 0, [0, 1, 2])[1:],
        lambda data: np.concatenate([rows_of(data, 0, [2])[:1], rows_of(data, 1, [0])[:2]]),
    ],
    ids=["one", "several", "a whole shard", "a whole slice", "the first slice", "all of a shard but one", "two shards"],
)
def test_forgetting_is_learning_without_bit_for_bit(data, model, choose, seed):
    posed = problem(data, data.ids[choose(data)].tolist(), LEARNER, seed=seed, origin=11)
    same, forgot = exact(model, posed)
    assert same
    assert changes(state(model), state(forgot))


def test_request_after_request_is_exact(data, model):
    first = problem(data, ["user 5", "user 6"], LEARNER)
    forgot = ForgetShards()(model, first)
    second = problem(first.retain, ["user 7", "user 60"], LEARNER)
    assert exact(forgot, second)[0]


def test_rows_that_share_an_id_are_forgotten_together_or_one_by_one(data):
    class First(Request):
        """The first row alone, whose id others bear too."""

        def draw(self, train):
            return np.array([0])

    shared = replace(data, ids=np.array([f"user {i % 30}" for i in range(90)]))
    learned = LEARNER(shared, 11)
    for asked, left in ((["user 4"], 87), (First(), 89)):
        posed = problem(shared, asked, LEARNER)
        assert len(posed.retain) == left
        assert exact(learned, posed)[0]


def test_a_slice_that_was_empty_is_repeated_too(data):
    many = replace(LEARNER, slices=40, steps=replace(STEPS, epochs=1))
    learned = many(data, 0)
    assert (learned.sizes == 0).any()
    assert exact(learned, problem(data, ["user 1", "user 2"], many), many, 0)[0]


def test_a_correction_is_learned_in_the_place_of_what_it_corrects(data, model):
    posed = problem(data, Relabel(ids=("user 3", "user 9"), labels=(2, 1)), LEARNER)
    assert exact(model, posed)[0]


def test_shards_that_hold_no_forget_example_keep_their_bits(data, model):
    posed = problem(data, data.ids[rows_of(data, 2, [2])[:2]].tolist(), LEARNER)
    forgot = ForgetShards()(model, posed)
    for shard in (0, 1):
        assert not changes(state(model.members[shard]), state(forgot.members[shard]))
    assert not changes(state(model.checkpoints), state(forgot.checkpoints))
    assert changes(state(model.members[2]), state(forgot.members[2]))


def test_it_costs_the_stages_that_it_repeats(data, model):
    with metered() as whole:
        LEARNER(data, 11)
    for shard, at in ((0, 2), (1, 0)):
        rows = rows_of(data, shard, [at])[:1]
        posed = problem(data, data.ids[rows].tolist(), LEARNER)
        cost = ForgetShards().run(model, posed).cost
        left = np.setdiff1d(np.arange(90), rows)
        stages = [np.intersect1d(rows_of(data, shard, range(stage + 1)), left).size for stage in range(at, 3)]
        assert cost.backward == 2 * sum(stages)  # two epochs of each of three stages, as 4 * 2 / (3 + 1)
        assert 0 < cost.flops < 0.45 * whole.flops


def test_masks_are_refused(data, model):
    posed = problem(data, ["user 3"], LEARNER)
    with pytest.raises(MaskError, match="masks do not cover"):
        ForgetShards()(model, replace(posed, mask=Mask({}, posed.digest)))
    with pytest.raises(SpecError, match="masks do not cover"):
        ut.parse("ForgetShards() @ WeightedGrad(keep=0.3)")


def test_weights_that_were_frozen_after_training_stay_and_it_says_so(data, model):
    posed = problem(data, ["user 3", "user 4"], LEARNER)
    before = state(model)
    assert not ForgetShards().run(model, posed).notes
    outcome = ForgetShards().run(model, replace(posed, head="frozen"))
    heads = posed.task.head(model)
    assert all(torch.equal(before[name], dict(outcome.model.named_parameters())[name]) for name in heads)
    assert outcome.guard.moved_share > 0
    assert "not exact" in outcome.notes[0]


def test_other_models_recipes_and_data_are_refused_in_one_line(data, model):
    with pytest.raises(ModelError, match="works on models of kind ShardEnsemble"):
        ForgetShards()(*small())
    posed = problem(data, ["user 3"], LEARNER)
    with pytest.raises(ModelError, match="this problem has no recipe"):
        ForgetShards()(model, replace(posed, recipe=None))
    for other in (Train(model=network), replace(LEARNER, slices=2)):
        with pytest.raises(ModelError, match=r"the recipe (Train|SISA)\("):
            ForgetShards()(model, replace(posed, recipe=other))
    with pytest.raises(ModelError, match="learned other examples"):
        ForgetShards()(model, problem(take(data, np.arange(50)), ["user 3"], LEARNER))


def test_a_request_that_leaves_no_shard_is_refused(data):
    learner = replace(LEARNER, shards=2)
    few = take(data, np.array([0, 1, 2]))
    shared = replace(few, ids=np.array(["a", "a", "b"]))
    learned = learner(shared, 1)
    with pytest.raises(DataError, match="take fewer shards"):
        ForgetShards()(learned, problem(shared, ["a"], learner))


def test_it_runs_beside_retraining_on_stored_models(tmp_path):
    scenario = "WithLearner(scenario=Digits(), by=SISA(model=MLP(width=16), shards=3, slices=2, steps=Steps(epochs=4)))"
    document = ut.run(scenario, ["ForgetShards", "Retrain", "Nothing"], tmp_path / "store", seeds=1, oracles=2)
    rows = {row["method"].partition("(")[0]: row for row in document["results"]}
    assert {name: row["error"] for name, row in rows.items()} == dict.fromkeys(("ForgetShards", "Retrain", "Nothing"))
