"""What the head sees, and how far models lie apart in it."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from scipy.special import softmax
from torch import nn

from untrain.core.errors import ModelError
from untrain.data.examples import take
from untrain.evaluation.base import Prepared
from untrain.evaluation.observers.activations import Activations
from untrain.evaluation.observers.contract import scene
from untrain.evaluation.scoring.resampling import number
from untrain.models.architectures.convnet import ConvNet
from untrain.models.architectures.mlp import MLP
from untrain.models.architectures.resnet import ResNet
from untrain.models.features import features
from untrain.models.inference import logits
from untrain.models.tasks.classification import Classification
from untrain.training.toy import small


@pytest.mark.parametrize("made", [ConvNet(width=2), MLP(width=5), MLP(depth=0), ResNet(width=2, depth=10)], ids=repr)
def test_features_are_what_the_last_layer_makes_answers_of(made):
    data = small()[1].retain
    model = made.build((1, 6, 6), 3).eval()
    seen = features(model, data, Classification(classes=3), batch=7)
    last = [part for part in model.modules() if isinstance(part, nn.Linear)][-1]
    assert seen.shape == (len(data), last.in_features)
    again = last(torch.from_numpy(seen)).detach().numpy()
    assert again == pytest.approx(logits(model, data, Classification()), abs=1e-5)


class Twice(nn.Module):
    """Asks its head twice."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(36, 3)

    def forward(self, x):
        return self.head(x.flatten(1)) + self.head(-x.flatten(1))


class Unused(Twice):
    """Never asks its head."""

    def forward(self, x):
        return x.flatten(1)[:, :3]


@pytest.mark.parametrize("made", [Unused, Twice])
def test_a_head_that_is_not_asked_once_is_told(made):
    with pytest.raises(ModelError, match="does not see each example once"):
        features(made(), small()[1].retain, Classification(classes=3))


def found(trial):
    return {name: number(m) for name, m in Activations().evaluate(trial).items()}


def prepared(ours, theirs, forget):
    side = np.array(["forget"] * forget + ["retain"] * 4 + ["test"] * (ours.shape[1] - forget))
    return Prepared(ours, theirs, side, False, ours)


def test_distances_are_means_over_all_pairs_by_side():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 7, 5)), rng.normal(size=(3, 7, 5))
    got = found(prepared(ours, theirs, 4))
    far = np.linalg.norm(ours[:, None] - theirs[None], axis=-1)
    assert got["activation_distance"] == pytest.approx(far[..., :4].mean())
    assert got["activation_distance_test"] == pytest.approx(far[..., 4:].mean())
    assert 0 < got["activation_cka"] < 1


def test_a_model_whose_units_are_permuted_is_far_away_and_aligned():
    rng = np.random.default_rng(1)
    theirs = rng.normal(size=(1, 30, 8))
    got = found(prepared(theirs[..., ::-1], theirs, 15))
    assert got["activation_distance"] > 2
    assert got["activation_cka"] == pytest.approx(1)
    same = found(prepared(theirs, theirs, 15))
    assert same["activation_distance"] == 0


def test_probabilities_are_compared_when_that_is_asked_for():
    model, _, sight = scene()
    seen = Activations(at="probabilities")(model, sight)
    both = [softmax(logits(model, side, sight.task), 1) for side in (sight.forget, sight.test)]
    assert seen == pytest.approx(np.concatenate(both), abs=1e-6)


def test_no_more_are_looked_at_than_the_most():
    model, _, sight = scene()
    assert Activations(most=5)(model, sight).shape == (10, 32)
    few = Activations(most=5)(model, sight)
    assert np.array_equal(few[:5], features(model, take(sight.forget, np.arange(5)), sight.task))
    side = np.repeat(["forget", "test"], [len(sight.forget), len(sight.test)])
    made = Activations(most=5).evaluate(Prepared(few[None], few[None], side, False))
    assert made["activation_distance"].parts[0].values.shape == (1, 5)


def test_the_model_keeps_its_hooks_and_modes():
    model, _, sight = scene()
    before = deepcopy(model)
    Activations()(model, sight)
    assert [len(part._forward_pre_hooks) for part in model.modules()] == [len(part._forward_pre_hooks) for part in before.modules()]
