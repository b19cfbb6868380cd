"""DEL's localizer: sums before magnitudes, channels by budget."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from untrain.core.errors import ModelError, NotFinite
from untrain.data.examples import Batch, Examples
from untrain.localizers._gradient_sums import _batches, gather
from untrain.localizers._mask_units import Channels, Gather, _top, by_channel, by_weight, has_attention
from untrain.localizers.deepest import Deepest
from untrain.localizers.fisher import Fisher
from untrain.localizers.gradient import Gradient
from untrain.localizers.shallowest import Shallowest
from untrain.localizers.weightedgrad import WeightedGrad
from untrain.localizers.weightmagnitude import WeightMagnitude
from untrain.maths.selection import top_mean
from untrain.models.architectures.resnet import ResNet
from untrain.models.tasks.choice import Choice
from untrain.models.tasks.classification import Classification
from untrain.training.problem import Problem
from untrain.training.process_group import SINGLE
from untrain.training.toy import UNITS, neuron, small


class Plain(Choice):
    """A task whose loss is the model's output, so that the inputs are the gradients."""

    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        return model(batch.x)

    def loss_of(self, outputs, batch):
        return outputs.sum(1)


class Scaled(Choice):
    """Classification whose loss is multiplied by a number.

    Args:
        by: the number.

    Source: planted.
    """

    by: float = 1.0
    classes: int | None = None
    head_names: tuple[str, ...] = ()

    def resolve(self, examples):
        return self

    def forward(self, model, batch):
        return Classification().forward(model, batch)

    def loss_of(self, outputs, batch):
        return self.by * super().loss_of(outputs, batch)


def linear(weights, inputs):
    """A linear model without bias, and a forget set whose rows are the gradients of its examples."""
    model = nn.Linear(len(weights), 1, bias=False).eval()
    model.weight.data = torch.tensor([weights])
    x = torch.tensor(inputs)
    forget = Examples.labelled(x, torch.zeros(len(x)).long(), np.arange(len(x)), 1)
    return model, Problem(Plain(), forget, forget)


def weigh(weight, gradient):
    """DEL's score."""
    return weight * gradient


def scores(model, problem, on="forget", **how):
    """Scores of the weights of a linear model."""
    return gather(model, problem, on, Gather(**how), weigh)["weight"].flatten().tolist()


OPPOSED = ([1.0, 1.0], [[3.0, 1.0], [-3.0, 1.0]])


def test_gradients_of_opposite_sign_cancel_before_the_magnitude_is_taken():
    assert scores(*linear(*OPPOSED)) == [0, 2]


def test_the_mask_of_one_weight_is_the_one_that_does_not_cancel():
    made = WeightedGrad(keep=0.5, per="weight")(*linear(*OPPOSED))
    assert made.bits["weight"].tolist() == [[False, True]]


def test_the_magnitude_of_each_example_is_an_ablation():
    assert scores(*linear(*OPPOSED), magnitude="example") == [6, 2]


def test_the_magnitude_of_each_batch_of_128_is_an_ablation():
    blocks = [[3.0, 1.0]] * 128 + [[-3.0, 1.0]] * 128
    assert scores(*linear([1.0, 1.0], blocks), magnitude="batch") == [768, 256]
    assert scores(*linear([1.0, 1.0], blocks)) == [0, 256]


def test_the_authors_code_takes_means_of_full_batches_and_drops_the_rest():
    rows = [[1.0, 2.0]] * 256 + [[100.0, 100.0]] * 7
    assert scores(*linear([1.0, 1.0], rows), samples="code") == [2, 4]


def test_the_authors_code_needs_a_full_batch():
    with pytest.raises(ModelError, match="drops batches under 128 examples; there are 2: use samples='all'"):
        scores(*linear(*OPPOSED), samples="code")


@pytest.mark.parametrize(("samples", "count"), [("all", 5000), ("code", 4992)])
def test_of_5000_samples_the_code_uses_4992(samples, count):
    ones = linear([1.0], [[1.0]] * 5000)
    total = scores(*ones, samples=samples)[0] * (128 if samples == "code" else 1)
    assert total == count


def test_all_training_data_are_forget_and_retain():
    model, problem = linear([2.0, 1.0], [[1.0, 1.0]])
    problem = replace(problem, retain=problem.forget.with_fields(x=torch.tensor([[3.0, 5.0]])))
    assert scores(model, problem, on="all") == [8, 6]
    assert scores(model, problem) == [2, 1]


def test_a_frozen_weight_is_never_chosen():
    model, problem = neuron(0)
    model[0].weight.requires_grad_(False)
    made = WeightedGrad(keep=1.0, per="weight")(model, problem).bits
    assert not made["0.weight"].any()
    assert made["2.weight"].all()


def test_a_model_that_is_frozen_throughout_is_refused():
    model, problem = linear(*OPPOSED)
    model.requires_grad_(False)
    with pytest.raises(ModelError, match="all parameters are frozen"):
        WeightedGrad()(model, problem)


def test_a_gradient_that_is_nan_never_reaches_the_sort():
    model, problem = linear([1.0, 1.0], [[torch.nan, 1.0]])
    with pytest.raises(NotFinite, match="gradient of 'weight'"):
        gather(model, problem, "forget", Gather(), weigh)


@given(st.sets(st.integers(0, 5)))
def test_zeroing_weights_of_a_linear_loss_changes_it_by_the_weighted_gradient(zeroed):
    weights, inputs = [1.0, -2.0, 3.0, 0.5, -0.25, 4.0], [[2.0, 1.0, -1.0, 4.0, 8.0, 0.5], [1.0, 1.0, 1.0, -2.0, 4.0, 2.0]]
    model, problem = linear(weights, inputs)
    batch = Batch.labelled(problem.forget.x, problem.forget.y)
    before = problem.task.loss(model, batch).sum().item()
    problem.task.loss(model, batch).sum().backward()
    product = (model.weight * model.weight.grad).flatten()[sorted(zeroed)].sum()
    with torch.no_grad():
        model.weight[0, sorted(zeroed)] = 0
    assert problem.task.loss(model, batch).sum().item() - before == -product.item()


# T2 and T3: 20 channels x 4 weights, and a bias of zeros but for 5.5 at 7.
TABLE = torch.zeros(20, 4)
TABLE[0, 0] = 10
TABLE[1, :2] = 6
TABLE[2] = 4
BIAS = torch.zeros(20)
BIAS[7] = 5.5


@pytest.mark.parametrize(("top", "winner"), [(1, 0), ("cout10", 1), ("auto", 1), ("all", 2), ("fanin10", 0), (99, 2)])
def test_the_winning_channel_depends_on_the_top(top, winner):
    bits = by_channel({"w": TABLE}, 0.05, Channels(top=top), attention=False)["w"]
    assert bits.any(1).nonzero().flatten().tolist() == [winner]


def test_with_attention_auto_averages_the_whole_row():
    assert by_channel({"w": TABLE}, 0.05, Channels(), attention=True)["w"].any(1).nonzero().item() == 2


@pytest.mark.parametrize("unit", ["whole", "elements"])
def test_a_bias_competes_with_whole_channels(unit):
    bits = by_channel({"w": TABLE, "b": BIAS}, 0.05, Channels(unit=unit), attention=False)
    assert bits["w"].any(1).nonzero().flatten().tolist() == [1]
    assert bits["w"][1].all()
    assert bits["b"].nonzero().flatten().tolist() == [7]


def test_one_weight_more_is_left_over_by_whole_channels():
    bits = by_channel({"w": TABLE, "b": BIAS}, 0.06, Channels(unit="whole"), attention=False)
    assert int(bits["w"].sum() + bits["b"].sum()) == 5


def test_one_weight_more_cuts_into_the_next_channel_by_elements():
    bits = by_channel({"w": TABLE, "b": BIAS}, 0.06, Channels(unit="elements"), attention=False)
    assert bits["w"][0].tolist() == [True, False, False, False]
    assert int(bits["w"].sum() + bits["b"].sum()) == 6


@pytest.mark.parametrize("unit", ["whole", "elements"])
@pytest.mark.parametrize(("count", "channels", "biases"), [(4, [1], []), (5, [1], [7]), (9, [0, 1], [7]), (13, [0, 1, 2], [7])])
def test_channels_and_biases_come_in_one_order_of_their_scores(unit, count, channels, biases):
    bits = by_channel({"w": TABLE, "b": BIAS}, 1.0, Channels(unit=unit, count=count), attention=False)
    assert bits["w"].any(1).nonzero().flatten().tolist() == channels
    assert bits["w"].all(1).nonzero().flatten().tolist() == channels
    assert bits["b"].nonzero().flatten().tolist() == biases


def test_an_attached_bias_goes_with_its_channel():
    bits = by_channel({"w": TABLE, "b": BIAS}, 0.05, Channels(flat="attach"), attention=False)
    assert bits["w"].any(1).nonzero().flatten().tolist() == [1]
    assert bits["b"].nonzero().flatten().tolist() == [1]


def test_a_count_takes_the_place_of_the_share():
    bits = by_channel({"w": TABLE, "b": BIAS}, 1.0, Channels(unit="elements", count=7), attention=False)
    assert int(bits["w"].sum() + bits["b"].sum()) == 7
    assert int(by_weight({"w": TABLE}, 1.0, count=3)["w"].sum()) == 3


# T4: h, seen as the mean of the h largest of a row whose scores are 0, 1, 2, ...
@pytest.mark.parametrize(
    ("top", "shape", "h"),
    [("cout10", (c, 300), h) for c, h in [(64, 6), (128, 12), (256, 25), (512, 51), (10, 1), (1024, 102), (2048, 204), (9, 1)]]
    + [("fanin10", (2, f), h) for f, h in [(27, 2), (576, 57), (1152, 115), (2304, 230), (4608, 460), (512, 51), (64, 6)]]
    + [("cout10", (512, 50), 50), (5, (64, 27), 5), (1, (64, 27), 1), ("all", (64, 27), 27), (99, (64, 27), 27)],
)
def test_the_table_of_tops(top, shape, h):
    table = torch.arange(shape[1], dtype=torch.float64).expand(shape)
    found = top_mean(table, _top(Channels(top=top), table, False))
    # The h largest are n - h, ..., n - 1.
    assert found.tolist() == pytest.approx([shape[1] - (h + 1) / 2] * shape[0], rel=1e-12)


@pytest.mark.parametrize("shape", [(9, 4), (512, 50), (1, 3)])
def test_a_channel_of_an_odd_shape_has_a_score_and_can_be_chosen(shape):
    table = torch.zeros(shape)
    table[-1] = 1.0
    bits = by_channel({"w": table, "b": torch.full((7,), 0.5)}, 1.0, Channels(top="cout10", count=shape[1]), attention=False)
    assert bits["w"].any(1).nonzero().flatten().tolist() == [shape[0] - 1]
    assert not bits["b"].any()


def test_attention_is_seen_by_the_names_of_layers():
    assert has_attention(nn.TransformerEncoderLayer(4, 2))
    assert not has_attention(nn.Linear(2, 2))


def resnet_scores():
    """Scores of CIFAR's ResNet-18 by shape; the last may stand for any."""
    draw = torch.Generator().manual_seed(0)
    net = ResNet().build((3, 32, 32), 10)
    return {n: torch.rand(p.shape, generator=draw) for n, p in net.named_parameters()}


def test_thirty_percent_of_resnet18_in_whole_channels_miss_by_less_than_the_largest():
    bits = by_channel(resnet_scores(), 0.3, Channels(), attention=False)
    assert 3_347_581 <= sum(int(b.sum()) for b in bits.values()) <= 3_352_188


@pytest.mark.parametrize(("how", "count"), [({}, 3_352_188), ({"count": 1_885_586}, 1_885_586)])
def test_a_budget_of_resnet18_by_elements_is_exact(how, count):
    bits = by_channel(resnet_scores(), 0.3, Channels(unit="elements", **how), attention=False)
    assert sum(int(b.sum()) for b in bits.values()) == count


def norm_net():
    """A convolution without bias, batch norm, ReLU, pooling and a linear layer, in double precision."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    ).double()
    x = torch.randn(32, 1, 8, 8, dtype=torch.float64)
    for _ in range(3):
        net(1.5 * x + 0.5)
    return net, Batch.labelled(x, torch.arange(32) % 3)


@pytest.mark.parametrize(("training", "least", "most"), [(True, 0, 1e-3), (False, 0.04, 1)])
def test_in_train_mode_batch_norm_makes_weighted_gradients_of_every_filter_cancel(training, least, most):
    net, batch = norm_net()
    net.train(training)
    Classification().loss(net, batch).mean().backward()
    product = (net[0].weight.detach() * net[0].weight.grad).flatten(1)
    share = product.sum(1).abs() / product.abs().sum(1)
    assert float(share.min()) >= least
    assert float(share.max()) < most


@pytest.mark.parametrize("unit", [0, 5, 11])
def test_a_planted_neuron_holds_all_that_is_not_zero(unit):
    model, problem = neuron(unit)
    found = gather(model, problem, "forget", Gather(), weigh)
    others = torch.arange(UNITS) != unit
    assert (found["0.weight"][unit] > 0).all()
    assert float(found["0.weight"][others].abs().max()) == 0
    assert float(found["0.bias"][others].abs().max()) == 0
    assert float(found["2.weight"][:, others].abs().max()) == 0
    assert (found["2.weight"][:, unit] > 0).all()
    assert float(found["2.bias"].abs().max()) == 0


@pytest.mark.parametrize("unit", [0, 5, 11])
def test_the_first_hidden_channel_is_the_planted_one(unit):
    model, problem = neuron(unit)
    found = gather(model, problem, "forget", Gather(), weigh)
    bits = by_channel({"0.weight": found["0.weight"]}, 1.5 / UNITS, Channels(), attention=False)["0.weight"]
    assert bits.any(1).nonzero().item() == unit


@pytest.mark.parametrize("how", [WeightedGrad(), WeightedGrad(per="weight"), Gradient()])
def test_the_order_of_the_forget_set_does_not_matter(how):
    model, problem = small()
    turned = problem.forget.with_fields(x=problem.forget.x.flip(0), y=problem.forget.y.flip(0))
    one, other = how(model, problem).bits, how(model, replace(problem, forget=turned)).bits
    assert all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("turned", [False, True])
def test_where_128_divides_the_forget_set_the_code_uses_all_of_it_in_whatever_order(turned):
    draw = torch.Generator().manual_seed(0)
    rows = torch.randint(-4, 5, (256, 40), generator=draw).double()
    model, problem = linear([1.0] * 40, rows.tolist())
    ours = WeightedGrad(keep=0.3, per="weight")(model, problem).bits["weight"]
    given = rows[torch.randperm(256, generator=draw)] if turned else rows
    problem = replace(problem, forget=problem.forget.with_fields(x=given.float()), digest="")
    code = WeightedGrad(keep=0.3, per="weight", gather=Gather(samples="code"))(model, problem).bits["weight"]
    assert torch.equal(ours, code)


@pytest.mark.parametrize(("examples", "batches"), [(5000, 39), (45_000, 351)])
def test_the_code_has_as_many_full_batches_as_fit(examples, batches):
    given = Examples.labelled(torch.zeros(examples, 1), torch.zeros(examples).long(), np.arange(examples), 1)
    found = _batches(Problem(Plain(), given, given), "forget", Gather(samples="code"), SINGLE)
    assert [len(rows) for _, rows, _ in found] == [128] * batches


def test_in_half_precision_gradients_add_up_in_full():
    # bfloat16 has 8 bits: a sum of ones in it would stop at 256.
    model, problem = linear([1.0], [[1.0]] * 5000)
    given = problem.forget.with_fields(x=problem.forget.x.bfloat16())
    found = gather(model.bfloat16(), replace(problem, forget=given, retain=given), "forget", Gather(), weigh)["weight"]
    assert (float(found), found.dtype) == (5000, torch.float32)


def test_summing_at_once_is_summing_one_by_one():
    model, problem = linear([1.0, 2.0, -3.0], [[1.0, 2.0, 4.0]] * 300)
    assert scores(model, problem) == [300, 1200, 3600]


@pytest.mark.parametrize("by", [2.0, -1.0])
@pytest.mark.parametrize("how", [WeightedGrad(), WeightedGrad(per="weight"), Gradient(), Gradient(per="channel")])
def test_scaling_the_loss_or_turning_its_sign_changes_nothing(how, by):
    model, problem = small()
    one, other = how(model, problem).bits, how(model, replace(problem, task=Scaled(by=by))).bits
    assert all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("how", [WeightedGrad, Gradient, Fisher, WeightMagnitude, Deepest, Shallowest])
@pytest.mark.parametrize("per", ["weight", "channel", "tensor"])
def test_masks_are_nested_in_keep_and_full_at_one(how, per):
    model, problem = small()
    masks = [how(keep=keep, per=per)(model, problem).bits for keep in (0.2, 0.3, 0.7, 1.0)]
    for small_one, large in pairwise(masks):
        assert not any(bool((small_one[n] & ~large[n]).any()) for n in large)
    assert all(bool(b.all()) for b in masks[-1].values())


@pytest.mark.parametrize("per", ["weight", "channel"])
def test_permuting_the_channels_of_a_layer_permutes_the_mask_and_nothing_else(per):
    model, problem = small()
    order = torch.randperm(4, generator=torch.Generator().manual_seed(0))
    how = WeightedGrad(keep=0.3, per=per)
    before = how(model, problem).bits
    with torch.no_grad():
        for part in (model[0], model[1]):
            for held in [*part.parameters(), *(b for b in part.buffers() if b.ndim)]:
                held.copy_(held[order].clone())
        model[4].weight.copy_(model[4].weight[:, order].clone())
    after = how(model, problem).bits
    expected = {n: b[order] if n.startswith(("0.", "1.")) else b for n, b in before.items()}
    expected["4.weight"] = before["4.weight"][:, order]
    assert all(torch.equal(after[n], expected[n]) for n in after)


def test_a_budget_that_holds_no_channel_is_refused_and_says_what_would_do():
    model, problem = small()
    with pytest.raises(ModelError, match=r"holds no whole channel, the best has \d+: keep at least"):
        WeightedGrad(keep=1e-9)(model, problem)
