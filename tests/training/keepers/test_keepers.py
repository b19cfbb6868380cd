"""What is saved at training time for later."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

import untrain as ut
from untrain.core.errors import ModelError, RequestError, SpecError
from untrain.data.examples import Examples
from untrain.models.state import same, state
from untrain.training.base import Learner
from untrain.training.keepers.checkpoint import Checkpoint
from untrain.training.keepers.inputcovariance import InputCovariance
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
    sums = InputCovariance().keep(layer, Examples.labelled(x, torch.arange(4) % 3, np.arange(4), 3), ut.Train(model=ut.MLP()).task)
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    rows = torch.stack(
        [padded[b, :, i : i + 3, j : j + 3].flatten() for b in range(4) for i in range(4) for j in range(4)]
    ).double()
    assert torch.allclose(sums["0"], rows.T @ rows)


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
