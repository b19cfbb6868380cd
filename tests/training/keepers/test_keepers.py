"""What is saved at training time for later."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import ModelError, RequestError, SpecError
from untrain.data.examples import Examples, take
from untrain.data.ragged import Ragged
from untrain.experiments.jobs import run_job
from untrain.experiments.keys import Job
from untrain.experiments.scenarios.facts import Facts
from untrain.experiments.scenarios.withlearner import WithLearner
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.models.state import same, state
from untrain.runtime.store import Store
from untrain.training.base import Learner
from untrain.training.keepers.base import Keeper
from untrain.training.keepers.checkpoint import Checkpoint
from untrain.training.keepers.inputcovariance import InputCovariance, batches_without_padding
from untrain.training.problem import problem
from untrain.unlearners.base import Unlearner

STEPS = ut.parse("Steps(lr=0.1, epochs=3, batch=8)")


@pytest.fixture
def data():
    draw = torch.Generator().manual_seed(0)
    return Examples.labelled(torch.randn(24, 5, generator=draw), torch.arange(24) % 3, np.arange(24), 3)


def test_the_covariance_of_a_first_layer_is_that_of_the_inputs(data):
    _, kept = ut.Train(model=ut.MLP(width=6), steps=STEPS, keepers=(InputCovariance(),)).run(data)
    first = next(iter(kept["InputCovariance"].values()))
    assert torch.allclose(first, data.x.double().T @ data.x.double())


def test_a_convolution_sees_patches():
    layer = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Flatten(), nn.Linear(3 * 16, 3))
    x = torch.randn(4, 2, 4, 4, generator=torch.Generator().manual_seed(1))
    sums = InputCovariance().keep(layer, Examples.labelled(x, torch.arange(4) % 3, np.arange(4), 3), ut.Train(model=ut.MLP()))
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    rows = torch.stack(
        [padded[b, :, i : i + 3, j : j + 3].flatten() for b in range(4) for i in range(4) for j in range(4)]
    ).double()
    assert torch.allclose(sums["0"], rows.T @ rows)


def moments_of(layer, x):
    data = Examples.labelled(x, torch.arange(4) % 3, np.arange(4), 3)
    return InputCovariance().keep(nn.Sequential(layer, nn.Flatten()), data, ut.Train(model=ut.MLP()))["0"]


@pytest.mark.parametrize(
    "settings",
    [
        {"padding": "same", "dilation": 2},
        {"padding": (2, 1), "padding_mode": "circular"},
        {"padding": 1, "padding_mode": "reflect", "stride": 2},
        {"padding": "valid"},
        {"padding": 1, "groups": 2},
        {"padding": 1, "groups": 4, "padding_mode": "replicate"},
    ],
)
def test_the_energy_of_a_convolution_follows_from_its_moments(settings):
    """The squared outputs of a filter w without a bias add up to ``w^T M w``, whatever the padding and the groups."""
    torch.manual_seed(2)
    layer = nn.Conv2d(4, 8, 3, bias=False, **settings)
    x = torch.randn(4, 4, 6, 6)
    moments = moments_of(layer, x)
    groups = settings.get("groups", 1)
    each = moments.reshape(groups, *moments.shape[-2:])
    assert moments.ndim == (2 if groups == 1 else 3)
    filters = layer.weight.detach().double().reshape(groups, 8 // groups, -1)
    energy = torch.einsum("gfd,gde,gfe->gf", filters, each, filters).flatten()
    assert torch.allclose(energy, layer(x).double().pow(2).sum((0, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("kind", ["images", "facts", "padded"])
def test_moments_of_two_sets_add_up_to_those_of_their_union(kind):
    scenario = ut.Digits() if kind == "images" else Facts(people=10)
    learner, data = scenario.learner(), scenario.load().train
    if kind == "padded":
        data = replace(data, fields={name: column[:] for name, column in data.fields.items()})
    model = learner.init(data, 0).eval()
    order = np.random.default_rng(0).permutation(len(data))[:60]
    one, other, both = (InputCovariance().keep(model, take(data, rows), learner) for rows in (order[:7], order[7:], order))
    assert both
    for name, whole in both.items():
        assert torch.allclose(one[name] + other[name], whole, rtol=1e-4, atol=1e-4 * float(whole.abs().max())), name


def test_a_batch_without_padding_has_all_tokens_of_its_rows():
    rows = [[1, 2, 3], [4], [5, 6], [7]]
    data = Examples({"input_ids": Ragged.of(rows), "y": torch.arange(4)}, np.arange(4), ("a", "b", "c", "d"))
    for examples in (data, replace(data, fields={"input_ids": data.x[:], "y": data.y})):
        drawn = list(batches_without_padding(examples, 256))
        assert [batch.x.tolist() for batch in drawn] == [[[4], [7]], [[5, 6]], [[1, 2, 3]]]
        assert [batch.y.tolist() for batch in drawn] == [[1, 3], [2], [0]]


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.attention(x, x, x)[0].mean(1))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Attends(), "never saw an input of 'attention.out_proj'"),
        (nn.Sequential(nn.Conv1d(3, 2, 1), nn.Flatten()), "no patches of '0', which is a Conv1d"),
    ],
)
def test_layers_that_cannot_be_seen_are_refused(model, message):
    data = Examples.labelled(torch.zeros(2, 3, 4), torch.arange(2), np.arange(2), 3)
    with pytest.raises(ModelError, match=message):
        InputCovariance().keep(model.eval(), data, ut.Train(model=ut.MLP()))


def test_an_earlier_checkpoint_is_the_model_of_a_shorter_training(data):
    constant = "Steps(lr=0.1, epochs={}, batch=8, schedule=Constant())"
    long = ut.Train(model=ut.MLP(width=6), steps=ut.parse(constant.format(4)), keepers=(Checkpoint(at=2),))
    model, kept = long.run(data, 5)
    short = ut.Train(model=ut.MLP(width=6), steps=ut.parse(constant.format(2)))(data, 5)
    assert all(same(kept["Checkpoint"][name], value) for name, value in state(short).items())
    assert not all(same(kept["Checkpoint"][name], value) for name, value in state(model).items())


def test_keepers_change_nothing_of_the_model(data):
    plain = ut.Train(model=ut.MLP(width=6), steps=STEPS)
    watched = ut.Train(model=ut.MLP(width=6), steps=STEPS, keepers=(Checkpoint(), InputCovariance()))
    assert all(same(state(plain(data, 1))[name], value) for name, value in state(watched.run(data, 1)[0]).items())


def test_a_checkpoint_after_the_end_is_refused(data):
    with pytest.raises(SpecError, match="trains for 3 epochs"):
        ut.Train(model=ut.MLP(width=6), steps=STEPS, keepers=(Checkpoint(at=9),)).run(data)


def test_a_learner_that_reports_no_epochs_says_so(data):
    class Mute(Learner):
        keepers: tuple = (InputCovariance(),)

        def init(self, examples, seed):
            return nn.Linear(5, 3)

        def learn(self, examples, seed):
            return nn.Linear(5, 3).eval()

    with pytest.raises(ModelError, match="does not report its epochs"):
        Mute().run(data)


class Rewind(Unlearner):
    """Go back to the checkpoint that was kept. Buffers go back too.

    Source: a test.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"kept:Checkpoint"})

    def unlearn(self, model, problem):
        model.load_state_dict(problem.kept["Checkpoint"])
        return model


def test_an_unlearner_finds_what_it_names_and_is_refused_without(data):
    learner = ut.Train(model=ut.MLP(width=6), steps=STEPS, keepers=(Checkpoint(), InputCovariance()))
    model, kept = learner.run(data)
    forgot = Rewind()(model, problem(data, [1, 2], learner, kept=kept))
    assert all(same(kept["Checkpoint"][name], value) for name, value in state(forgot).items())
    with pytest.raises(RequestError, match=r"keepers=\(Checkpoint\(\),\)"):
        Rewind()(model, problem(data, [1, 2], learner))


def test_two_keepers_of_one_class_are_refused(data):
    learner = ut.Train(model=ut.MLP(width=6), steps=STEPS, keepers=(Checkpoint(at=1), InputCovariance(), Checkpoint(at=2)))
    with pytest.raises(SpecError, match="2 keepers of class Checkpoint"):
        learner.run(data)


class Odd(Keeper):
    """Saves tensors of awkward shapes and types.

    Source: a test.
    """

    def keep(self, model, examples, learner):
        return {"number": torch.tensor(3.5), "none": torch.zeros(0, 2), "half": torch.tensor([1.5, -0.25], dtype=torch.bfloat16)}


SEEN: dict = {}


class Looks(Unlearner):
    """Notes what was kept.

    Source: a test.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"kept:Odd", "kept:Checkpoint"})

    def unlearn(self, model, problem):
        SEEN.update(problem.kept)
        with torch.no_grad():
            next(model.parameters()).add_(1)
        return model


def test_what_was_kept_comes_back_from_the_store_as_it_was(tmp_path):
    steps = ut.parse("Steps(lr=0.1, epochs=1, batch=256)")
    by = ut.Train(model=ut.parse("ConvNet(width=4)"), steps=steps, keepers=(Odd(), Checkpoint()))
    scene = open_scene(WithLearner(scenario=ut.Digits(), by=by), Setting())
    entry = run_job(scene, Job("unlearned", 0, Looks()), 0, Setting(), Store(tmp_path))
    assert entry.record.get("error") is None
    wanted = Odd().keep(None, None, None)
    assert all(same(SEEN["Odd"][name], value.float()) for name, value in wanted.items())
    model = scene.learner.init(scene.data.train, 0).state_dict()
    assert {name: value.shape for name, value in SEEN["Checkpoint"].items()} == {name: value.shape for name, value in model.items()}


def test_what_was_kept_lies_where_the_model_is(data):
    learner = ut.Train(model=ut.MLP(width=6), steps=STEPS, keepers=(Checkpoint(),))
    model, kept = learner.run(data)
    posed = problem(data, [1, 2], learner, kept=kept)
    there = posed.only(frozenset({"kept:Checkpoint"}), torch.device("meta"))
    assert {value.device.type for value in there.kept["Checkpoint"].values()} == {"meta"}
    assert {value.device.type for value in posed.kept["Checkpoint"].values()} == {"cpu"}
    away = {name: value.to("meta") for name, value in kept["Checkpoint"].items()}
    # A tensor on 'meta' has no values to bring to the model: that it is tried shows where a method would find it.
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        Rewind()(model, problem(data, [1, 2], learner, kept={"Checkpoint": away}))
