"""Which weights may move, and in which directions."""

import numpy as np
import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError
from untrain.core.metering import metered
from untrain.data.examples import Examples
from untrain.models.tasks.classification import Classification
from untrain.training.gradient_subspace import Subspace, gradient_subspace
from untrain.training.keepers.inputcovariance import input_moments
from untrain.training.weight_rows import of_rows, weight_rows


def rows(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seen_by(model, x):
    return input_moments(model, Examples.labelled(x, torch.arange(len(x)) % 2, np.arange(len(x)), 2), Classification(classes=2))


def notes_of(model, moments, choice=Subspace()):
    with metered() as meter:
        space = gradient_subspace(model, moments, choice)
    return space, list(meter.notes)


def plain(d=6, hidden=8):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(d, hidden), nn.ReLU(), nn.Linear(hidden, 2)).double().eval()


def test_shares_of_layers_count_for_all_within_and_one_freezes():
    choice = Subspace(share=0.9, layers=(("body", 0.8), ("body.2", 1.0), ("head", 0.5)))
    assert [choice.share_of(name) for name in ("stem", "body", "body.1.conv", "body.2", "body.20", "head")] == [
        0.9,
        0.8,
        0.8,
        1.0,
        0.8,
        0.5,
    ]
    model = plain()
    space, _ = notes_of(model, seen_by(model, rows(3, 6)), Subspace(layers=(("0", 1.0),)))
    assert set(space.weights) == {"2.weight"}


def test_ranks_follow_the_rule_in_each_layer():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 50), nn.ReLU(), nn.Linear(50, 2)).double().eval()
    moments = seen_by(model, rows(12, 40))
    ranks = {
        share: [c.directions[0].rank for c in gradient_subspace(model, moments, Subspace(share=share)).weights.values()]
        for share in (0.95, 0.90, 0.50)
    }
    assert ranks == {0.95: [10, 10], 0.90: [10, 9], 0.50: [4, 3]}


def test_a_layer_without_a_protected_direction_is_refused_unless_asked_for():
    model = plain()
    moments = {"0": torch.diag(torch.tensor([100.0, *[1e-4] * 5])), "2": torch.eye(8)}
    with pytest.raises(ModelError, match=r"^nothing of the layer '0' would be protected, .*: raise share, or take empty='free'$"):
        gradient_subspace(model, moments, Subspace(share=0.9))
    space, _ = notes_of(model, moments, Subspace(share=0.9, empty="free"))
    assert space.weights["0.weight"].directions[0].rank == 0


def test_inputs_that_are_all_zero_need_no_protection():
    model = plain()
    space, _ = notes_of(model, {"0": torch.zeros(6, 6), "2": torch.eye(8)}, Subspace(share=0.5))
    assert space.weights["0.weight"].directions[0].rank == 0


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.mix, self.head = nn.Embedding(7, 4), nn.Linear(4, 4), nn.Linear(4, 7, bias=False)
        self.head.weight = self.words.weight

    def forward(self, x):
        return self.head(self.mix(self.words(x).mean(1)))


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.attention(x, x, x)[0].mean(1))


def test_weights_that_are_shared_or_whose_inputs_cannot_be_seen_stay_with_a_note():
    tied = Tied().eval()
    space, notes = notes_of(tied, seen_by(tied, torch.randint(0, 7, (3, 5))))
    assert set(space.weights) == {"mix.weight"}
    assert any("1 weights stay as they are" in note and "words.weight" in note for note in notes)
    attends = Attends().double().eval()
    space, notes = notes_of(attends, seen_by(attends, rows(3, 12).reshape(3, 3, 4)))
    assert set(space.weights) == {"head.weight"}
    assert any("2 weights stay" in note and "attention.in_proj_weight, attention.out_proj.weight" in note for note in notes)
    mask = space.mask(attends, None)
    assert {name for name, bits in mask.bits.items() if bool(bits.any())} == {"head.weight"}


def test_where_nothing_is_left_to_move_it_says_so():
    model = plain()
    with pytest.raises(ModelError, match="no weight could move: inputs fill the whole space of each layer"):
        gradient_subspace(model, {"0": torch.eye(6), "2": torch.eye(8)}, Subspace(share=0.999, count="plus_one"))


@pytest.mark.parametrize("kind", ["linear", "convolution", "groups", "transposed"])
def test_rows_of_a_weight_meet_the_inputs_and_go_back(kind):
    transformers = pytest.importorskip("transformers.pytorch_utils") if kind == "transposed" else None
    torch.manual_seed(1)
    layer = {
        "linear": lambda: nn.Linear(5, 4), "convolution": lambda: nn.Conv2d(4, 6, 3),
        "groups": lambda: nn.Conv2d(4, 6, 3, groups=2), "transposed": lambda: transformers.Conv1D(4, 5),
    }[kind]()  # fmt: skip
    weight = layer.weight.detach()
    again = of_rows(layer, weight_rows(layer, weight), weight)
    assert torch.equal(again, weight)
    if kind in ("linear", "transposed"):
        x = torch.randn(3, 5)
        assert torch.allclose(layer(x) - layer.bias, x @ weight_rows(layer, weight)[0].T, atol=1e-6)


def test_the_layers_of_gpt2_move_only_where_the_inputs_do_not_reach():
    transformers = pytest.importorskip("transformers.pytorch_utils")
    torch.manual_seed(2)
    model = nn.Sequential(transformers.Conv1D(9, 6), nn.ReLU(), nn.Linear(9, 2)).double().eval()
    x = rows(3, 6)
    moments = seen_by(model, x)
    assert moments["0"].shape == (6, 6)
    space = gradient_subspace(model, moments, Subspace(share=0.9999999, count="plus_one"))
    mask, before = space.mask(model, None), model(x).detach()
    with torch.no_grad():
        model[0].weight += torch.randn_like(model[0].weight)
    assert float((model(x).detach() - before).abs().max()) > 0.1
    space.confine(model, mask)
    assert float((model(x).detach() - before).abs().max()) < 1e-12
    assert float((model[0].weight.detach() - space.weights["0.weight"].start).abs().max()) > 0.1
