"""Training from scratch."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError, SpecError
from untrain.data.augmentations.randomresizedcrop import RandomResizedCrop
from untrain.data.examples import Examples
from untrain.data.readers.convert import examples
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.preprocessed import Preprocessed
from untrain.models.tasks.classification import Classification
from untrain.training.learners.train import Train
from untrain.training.steps import SGD, Constant, Steps
from untrain.training.toy import small

STEPS = Steps(lr=0.05, epochs=2, batch=16)


def linear():
    """A linear classifier."""
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 3))


def equal(a, b):
    """Whether two models hold the same bits."""
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.fixture
def data():
    return small()[1].retain


def test_no_epochs_give_the_model_before_training(data):
    learner = Train(model=ConvNet(width=2), steps=Steps(epochs=0))
    assert equal(learner(data, 4), learner.init(data, 4))


def test_separable_examples_are_learned(data):
    model = Train(model=ConvNet(width=4), steps=Steps(lr=0.05, epochs=8, batch=16))(data, 0)
    assert float((model(data.x).argmax(1) == data.y).float().mean()) == 1


def test_the_model_comes_in_eval_mode(data):
    assert not Train(model=ConvNet(width=2), steps=STEPS)(data, 0).training


def test_any_callable_that_makes_a_module_is_a_model(data):
    assert isinstance(Train(model=linear, steps=STEPS)(data, 0)[1], nn.Linear)


def test_a_callable_that_makes_something_else_is_refused(data):
    with pytest.raises(ModelError, match=r"model made dict; a torch.nn.Module is needed"):
        Train(model=dict)(data, 0)


def test_a_model_that_does_not_fit_the_examples_is_refused_before_training(data):
    with pytest.raises(ModelError, match="cannot take examples of shape"):
        Train(model=lambda: nn.Linear(2, 3))(data, 0)


@pytest.mark.parametrize(
    ("model", "side", "told"),
    [
        (ConvNet(width=2), 4, r"reach the model as \(1, 4, 4\) .* to predict as \(1, 8, 8\): .*crop=4\)"),
        (ConvNet(width=2), 8, ""),
        (Preprocessed(model=ConvNet(width=2), crop=4), 4, ""),
        (Preprocessed(model=ConvNet(width=2), crop=4), 6, ""),
        (Preprocessed(model=ConvNet(width=2), crop=6), 4, r"as \(1, 4, 4\) .* as \(1, 6, 6\)"),
    ],
)
def test_a_model_is_trained_at_the_size_at_which_it_is_asked(model, side, told):
    x = np.random.default_rng(0).random((12, 1, 8, 8))
    learner = Train(model=model, steps=Steps(lr=0.1, epochs=1, batch=6), augment=(RandomResizedCrop(size=side),))
    with pytest.raises(ModelError, match=told) if told else nullcontext():
        learner(examples(x, np.arange(12) % 3), 0)


def test_a_learner_cannot_train_a_share_of_its_own_epochs(data):
    with pytest.raises(SpecError, match="share of the learner's epochs"):
        Train(model=ConvNet(width=2), steps=Steps(epochs="50%"))(data, 0)


def test_the_head_can_be_named(data):
    assert Train(model=linear, task=Classification(head_names=("1.bias",))).task.head(linear()) == ("1.bias",)


def test_the_order_of_batches_depends_on_the_seed_and_not_on_the_model(data):
    orders = []

    class Noting(nn.Module):
        def __init__(self):
            super().__init__()
            torch.rand(1)
            self.inner = linear()

        def forward(self, x):
            if self.training:
                orders[-1].append(x[:, 0, 0, 0].tolist())
            return self.inner(x)

    for seed in (0, 0, 1):
        orders.append([])
        Train(model=Noting, steps=STEPS)(data, seed)
    assert orders[0] == orders[1] != orders[2]


def test_one_step_from_zero_is_the_mean_gradient():
    # At zero weights every class has probability 1/2, so the gradient of the bias is 1/2 - share of the class.
    def zero():
        model = nn.Linear(1, 2)
        nn.init.zeros_(model.weight)
        nn.init.zeros_(model.bias)
        return model

    y = torch.tensor([0, 0, 0, 1])
    data = Examples.labelled(torch.zeros(4, 1), y, np.arange(4), 2)
    steps = Steps(lr=0.4, epochs=1, optimizer=SGD(momentum=0), schedule=Constant())
    assert Train(model=zero, steps=steps)(data).bias.tolist() == pytest.approx([0.1, -0.1])
