"""The layers next to the output."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError
from untrain.core.metering import metered
from untrain.data.examples import Examples
from untrain.localizers._mask_units import Channels
from untrain.localizers.deepest import Deepest
from untrain.models.architectures.vit import ViT
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.toy import small


def test_thirty_percent_of_resnet18_are_the_head_and_the_last_block_down_into_its_first_convolution(resnet18, counts):
    found = counts(Deepest()(*resnet18))
    assert found == {
        "fc.bias": 10,
        "fc.weight": 5120,
        "layer4.1.bn2.bias": 512,
        "layer4.1.bn2.weight": 512,
        "layer4.1.conv2.weight": 2_359_296,
        "layer4.1.bn1.bias": 512,
        "layer4.1.bn1.weight": 512,
        "layer4.1.conv1.weight": 985_714,
    }
    assert sum(found.values()) == 3_352_188


def test_thirty_percent_of_the_small_vit_are_its_head_and_last_layers():
    x = torch.rand(2, 3, 32, 32)
    given = Examples.labelled(x, torch.arange(2), np.arange(2), 10)
    found = Deepest()(ViT().build((3, 32, 32), 10).eval(), Problem(Classification(), given, given)).bits
    assert sum(int(b.sum()) for b in found.values()) == 3_304_055
    assert not any(
        bool(b.any()) for n, b in found.items() if n.startswith(("pos_embedding", "cls_token", "patches", "layers.0", "layers.1"))
    )


def test_by_tensor_it_stops_at_the_first_that_does_not_fit(resnet18, counts):
    assert sum(counts(Deepest(per="tensor")(*resnet18)).values()) == 2_366_474


def test_by_channel_it_cuts_between_filters(resnet18, counts):
    found = counts(Deepest(per="channel")(*resnet18))
    assert found["layer4.1.conv1.weight"] == 213 * 4608


def test_a_count_takes_the_place_of_the_share(resnet18, counts):
    assert sum(counts(Deepest(channels=Channels(count=1_885_586))(*resnet18)).values()) == 1_885_586


def test_depth_is_the_order_in_which_an_example_meets_the_layers_not_that_of_their_declaration(backwards, counts):
    model, problem = backwards
    model.spare.requires_grad_(False)
    assert counts(Deepest(channels=Channels(count=10))(model, problem)) == {"head.weight": 6, "body.weight": 4}


def test_what_is_never_asked_follows_what_is_declared_before_it(backwards, counts):
    model, problem = backwards
    assert counts(Deepest(channels=Channels(count=32))(model, problem)) == {"head.weight": 6, "spare.weight": 25, "body.weight": 1}


def test_frozen_layers_are_stepped_over(backwards, counts):
    model, problem = backwards
    model.head.requires_grad_(False)
    model.spare.requires_grad_(False)
    assert counts(Deepest(channels=Channels(count=13))(model, problem)) == {"body.weight": 12, "stem.weight": 1}


def test_a_budget_beyond_what_is_not_frozen_takes_all_of_that_and_tells(backwards, counts):
    model, problem = backwards
    model.body.requires_grad_(False)
    with metered() as meter:
        found = counts(Deepest(keep=0.9)(model, problem))
    assert found == {"head.weight": 6, "spare.weight": 25, "stem.weight": 16}
    assert list(meter.notes) == ["a budget of 53 of 59 weights cannot be met: 47 are not frozen"]


def test_a_count_beyond_the_model_is_refused_and_says_what_there_is(backwards):
    with pytest.raises(ModelError, match="a budget of 60 weights cannot be met: the model has 59"):
        Deepest(channels=Channels(count=60))(*backwards)


def test_less_than_one_weight_is_refused_and_says_what_would_do(backwards):
    with pytest.raises(ModelError, match=r"keep=1e-05 of 59 weights is less than one: keep at least 0\.017"):
        Deepest(keep=1e-5)(*backwards)


def test_a_tensor_that_does_not_fit_is_refused_and_says_what_would_do(backwards):
    with pytest.raises(ModelError, match=r"a budget of 5 of 59 weights holds no whole tensor, the best has 6: keep at least 0\.1"):
        Deepest(keep=0.1, per="tensor")(*backwards)


def test_it_asks_nothing_of_what_is_forgotten():
    model, problem = small()
    turned = replace(problem, forget=problem.retain, retain=problem.forget, digest="")
    one, other = Deepest()(model, problem).bits, Deepest()(model, turned).bits
    assert all(torch.equal(one[n], other[n]) for n in one)


def test_tied_weights_count_once_where_an_example_meets_them_first(backwards, counts):
    model, problem = backwards
    model.body = nn.Linear(4, 4, bias=False)
    model.head = nn.Linear(4, 2, bias=False)
    model.body.weight = model.stem.weight
    made = Deepest(channels=Channels(count=9))(model.eval(), problem)
    assert sum(b.numel() for b in made.bits.values()) == 8 + 16 + 25
    assert counts(made)["head.weight"] == 8


@pytest.mark.parametrize(
    ("layers", "names"),
    [
        (1, {"fc.bias", "fc.weight"}),
        (2, {"fc.bias", "fc.weight", "layer4.1.bn2.bias", "layer4.1.bn2.weight", "layer4.1.conv2.weight"}),
    ],
)
def test_by_layers_whole_ones_are_kept_with_the_norms_behind_them(resnet18, counts, layers, names):
    model, problem = resnet18
    found = counts(Deepest(layers=layers)(model, problem))
    assert found == {n: p.numel() for n, p in model.named_parameters() if n in names}


def test_more_layers_than_there_are_are_refused_and_what_there_is_is_told(backwards):
    model, problem = backwards
    model.body.requires_grad_(False)
    with pytest.raises(ModelError, match=r"layers=9 cannot be met: the model has 3 layers .*; take layers=3 or fewer"):
        Deepest(layers=9)(model, problem)
