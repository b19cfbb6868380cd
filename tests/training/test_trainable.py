"""What may move: rows, places, all; and layers that compute the gradient of their rows alone."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from untrain.core.errors import ModelError
from untrain.core.mask import Mask
from untrain.core.metering import metered
from untrain.data.examples import Batch, Examples
from untrain.models.tasks.classification import Classification
from untrain.training import row_gradients
from untrain.training.data_parallel import WholeStep
from untrain.training.descend import MAGNIFIED, _Walk
from untrain.training.learners.train import fit
from untrain.training.row_gradients import only_rows
from untrain.training.steps import SGD, Steps
from untrain.training.trainable import trainable_parts


def masked(model, keep, seed=0):
    """A mask of whole output channels."""
    torch.manual_seed(seed)
    bits = {}
    for name, p in model.named_parameters():
        chosen = torch.zeros(len(p), dtype=torch.bool)
        chosen[torch.randperm(len(p))[: max(1, int(keep * len(p)))]] = True
        bits[name] = chosen.reshape(-1, *[1] * (p.ndim - 1)).expand_as(p)
    return Mask(bits, "")


def gradients(model, mask, loss):
    """Gradient of what may move, by the layers' own rows and by the whole times the mask."""
    model.zero_grad()
    loss(model).backward()
    whole = {n: p.grad.clone() for n, p in model.named_parameters()}
    model.zero_grad()
    free = trainable_parts(model, mask)
    with only_rows(model, free):
        loss(model).backward()
    for part in free:
        part.gather()
    names = {id(p): n for n, p in model.named_parameters()}
    return {names[id(m.parameter)]: (m, whole[names[id(m.parameter)]]) for m in free}


def agree(found, tolerance=1e-4):
    """Whether each gathered gradient is the masked part of the whole."""
    for m, whole in found.values():
        wanted = whole if m.index is None else whole.index_select(0, m.index)
        torch.testing.assert_close(m.optimized.grad, wanted, rtol=tolerance, atol=tolerance)


@pytest.fixture(autouse=True)
def _narrow(monkeypatch):
    """Small layers take part, so that tests are quick."""
    monkeypatch.setattr(row_gradients, "NARROW", 2)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("keep", [0.2, 0.6])
def test_rows_of_convolutions_get_the_gradient_of_the_whole(layout, keep):
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 12, 3, stride=2, bias=False), nn.Flatten(), nn.Linear(12 * 9, 5)
    ).to(memory_format=layout)
    x = torch.randn(4, 3, 8, 8)
    agree(gradients(model, masked(model, keep), lambda m: F.cross_entropy(m(x), torch.tensor([0, 1, 2, 3]))))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(3, 8, 3, dilation=2), (2, 3, 9)),
        (nn.Conv1d(3, 8, 3), (3, 9)),
        (nn.Conv3d(2, 8, 2, padding=1), (2, 2, 4, 4, 4)),
        (nn.Linear(4, 8), (2, 3, 4)),
        (nn.Linear(4, 8, bias=False), (4,)),
    ],
    ids=["1d dilated", "1d without batch", "3d", "linear over tokens", "linear without batch"],
)
def test_every_shape_of_layer_agrees(layer, shape):
    x = torch.randn(shape, requires_grad=True)
    found = gradients(layer, masked(layer, 0.5), lambda m: m(x).square().sum())
    down = x.grad.clone()
    agree(found)
    x.grad = None
    layer.zero_grad()
    layer(x).square().sum().backward()
    torch.testing.assert_close(down, 2 * x.grad)


def test_a_patched_layer_answers_as_before_and_is_itself_again_afterwards():
    model = nn.Conv2d(3, 8, 3).eval()
    x = torch.randn(2, 3, 8, 8)
    before = model(x)
    with only_rows(model, trainable_parts(model, masked(model, 0.5))):
        assert "forward" in vars(model)
        torch.testing.assert_close(model(x), before)
    assert "forward" not in vars(model)


class Tied(nn.Module):
    """One weight, used by its layer and past it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x):
        return F.linear(self.layer(x), self.layer.weight.T)


def test_a_weight_that_is_also_used_past_its_layer_gets_both_gradients():
    model = Tied()
    x = torch.randn(5, 6)
    agree(gradients(model, masked(model, 0.5), lambda m: m(x).square().sum()))


def test_attention_that_reads_its_projection_weight_directly_still_moves():
    model = nn.MultiheadAttention(8, 2, batch_first=True)
    x = torch.randn(2, 3, 8)
    agree(gradients(model, masked(model, 0.5), lambda m: m(x, x, x)[0].square().sum()))


def test_the_gradient_of_a_gradient_is_right():
    x = torch.randn(3, 4, requires_grad=True)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5))

    def penalty(m):
        (down,) = torch.autograd.grad(m(x).square().sum(), x, create_graph=True)
        return down.square().sum()

    agree(gradients(model, masked(model, 0.5), penalty))


@pytest.mark.parametrize("bits", [torch.float32, torch.bfloat16])
def test_autocast_gives_rows_in_full_precision(bits):
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 4))
    x = torch.randn(4, 3, 8, 8)

    def loss(m):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bits == torch.bfloat16):
            return m(x).float().square().mean()

    found = gradients(model, masked(model, 0.5), loss)
    assert {m.optimized.grad.dtype for m, _ in found.values()} == {torch.float32}
    agree(found, 2e-2)


@pytest.mark.parametrize(
    ("layer", "shape", "told"),
    [
        (nn.ConvTranspose2d(4, 4, 3), (2, 4, 5, 5), "ConvTranspose2d"),
        (nn.Conv2d(4, 8, 3, groups=2), (2, 4, 5, 5), "Conv2d in groups"),
        (nn.Conv2d(4, 8, 3, padding="same"), (2, 4, 5, 5), "Conv2d of its own kind"),
        (nn.Conv2d(4, 8, 3, padding=1, padding_mode="circular"), (2, 4, 5, 5), "Conv2d of its own kind"),
        (nn.Embedding(6, 3), None, "Embedding"),
    ],
)
def test_a_layer_that_cannot_gain_falls_back_and_says_so(layer, shape, told):
    x = torch.tensor([0, 1, 2, 3, 4, 5]) if shape is None else torch.randn(shape)
    with metered() as meter:
        agree(gradients(layer, masked(layer, 0.5), lambda m: m(x).square().sum()))
    assert list(meter.notes) == [f"1 of 1 partly masked layers compute their weight gradient in full: {told} (1)"]


def test_single_weights_fall_back_and_only_they_are_held():
    layer = nn.Linear(4, 3, bias=False)
    bits = torch.tensor([[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1]]).bool()
    with metered() as meter:
        found = gradients(layer, Mask({"weight": bits}, ""), lambda m: m(torch.ones(2, 4)).square().sum())
    ((m, whole),) = found.values()
    torch.testing.assert_close(m.optimized.grad, whole[bits])
    assert "single weights are masked (1)" in next(iter(meter.notes))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**16 - 1), st.booleans())
def test_what_is_written_is_what_the_mask_holds_and_nothing_else(pattern, last):
    bits = torch.tensor([pattern >> i & 1 for i in range(16)]).bool().reshape(2, 2, 2, 2)
    model = nn.Conv2d(2, 2, 2, bias=False)
    if last:
        model = model.to(memory_format=torch.channels_last)
    before = model.weight.detach().clone()
    if not bits.any():
        with pytest.raises(ModelError, match="no weight may move"):
            trainable_parts(model, Mask({"weight": bits}, ""))
        return
    (part,) = trainable_parts(model, Mask({"weight": bits}, ""))
    assert part.optimized.numel() == int(bits.sum())
    with torch.no_grad():
        part.optimized.add_(1)
    part.write()
    torch.testing.assert_close(model.weight.detach(), before + bits.float())


def test_the_optimizer_state_is_of_what_may_move_alone():
    model = nn.Sequential(nn.Conv2d(3, 10, 3), nn.Flatten(), nn.Linear(90, 10))
    free = trainable_parts(model, masked(model, 0.3))
    assert sum(m.optimized.numel() for m in free) == 3 * (27 + 1) + 3 * (90 + 1)


def test_a_layer_is_asked_by_keyword_as_before():
    layer = nn.Linear(4, 8)
    x = torch.randn(3, 4)
    agree(gradients(layer, masked(layer, 0.5), lambda m: m(input=x).square().sum()))


def test_autocast_leaves_double_precision_alone():
    layer, x = nn.Linear(4, 8).double(), torch.randn(3, 4).double()

    def loss(m):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return m(x).square().sum()

    agree(gradients(layer, masked(layer, 0.5), loss))


def test_a_weight_without_a_layer_of_its_own_is_told_of():
    model = nn.MultiheadAttention(8, 2, batch_first=True)
    bits = {n: torch.zeros_like(p, dtype=torch.bool) for n, p in model.named_parameters()}
    bits["in_proj_weight"][:5] = True
    with metered() as meter, only_rows(model, trainable_parts(model, Mask(bits, ""))):
        pass
    assert "not the weight of a layer of its own (1)" in next(iter(meter.notes))


def test_a_weight_that_is_a_view_into_another_is_refused():
    layer = nn.Linear(5, 4, bias=False)
    layer.weight = nn.Parameter(torch.zeros(4, 10)[:, :5])
    bits = torch.eye(4, 5).bool()
    with pytest.raises(ModelError, match="leaves out parts of another tensor"):
        trainable_parts(layer, Mask({"weight": bits}, ""))


@pytest.mark.parametrize("keep", [None, "rows", "places"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision_are_stepped_in_full(dtype, keep):
    # Ten steps of a tenth of what rounding takes away: in half precision by itself nothing would move.
    layer = nn.Linear(4, 8, bias=False).to(dtype)
    nn.init.ones_(layer.weight)
    bits = torch.ones(8, 4, dtype=torch.bool)
    if keep is not None:
        bits[(slice(0, 3),) if keep == "rows" else (slice(0, 3), 1)] = False
    (part,) = trainable_parts(layer, None if keep is None else Mask({"weight": bits}, ""))
    assert part.optimized.dtype == torch.float32
    gap = float(torch.finfo(dtype).eps)
    for _ in range(10):
        layer.weight.grad, part.optimized.grad = torch.ones_like(layer.weight), None
        part.gather()
        assert layer.weight.grad is None
        with torch.no_grad():
            part.optimized.sub_(0.1 * gap * part.optimized.grad)
        part.write()
    assert torch.equal(layer.weight[bits], torch.full_like(layer.weight[bits], 1 - gap))
    assert bool((layer.weight[~bits] == 1).all())


def test_a_weight_whose_elements_share_memory_is_refused():
    layer = nn.Linear(2, 2)
    layer.bias = nn.Parameter(torch.ones(1).expand(2))
    with pytest.raises(ModelError, match="elements of 'bias' share their memory with each other: give it memory of its own"):
        trainable_parts(layer, None)


@pytest.mark.parametrize("make", [lambda: nn.Linear(6, 8), lambda: nn.Conv2d(3, 8, 1)])
def test_rows_in_half_precision_get_the_gradient_of_the_whole(make):
    torch.manual_seed(2)
    model = make().bfloat16()
    x = torch.randn(5, *((6,) if isinstance(model, nn.Linear) else (3, 4, 4))).bfloat16()
    found = gradients(model, masked(model, 0.5), lambda net: net(x).float().pow(2).sum())
    for m, whole in found.values():
        assert m.optimized.grad.dtype == torch.float32
        torch.testing.assert_close(m.optimized.grad, whole.index_select(0, m.index).float(), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("small", [1.0, 2e-8])
def test_small_gradients_of_weights_in_float16_do_not_vanish(small):
    # Half of 2e-8 is nothing in float16; times a number it is something.
    class Small(nn.Module):
        def __init__(self, dtype):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(2, dtype=dtype))

        def forward(self, x):
            return (x.to(self.scale) * self.scale).float() * small

    examples = Examples.labelled(torch.eye(2)[[0, 0]], torch.zeros(2, dtype=torch.int64), np.arange(2), 2)
    steps = Steps(lr=0.25 / small, epochs=1, batch=2, optimizer=SGD(momentum=0.0))
    half, full = (
        fit(Small(dtype), examples, steps, Classification(), 0).scale[0].item() for dtype in (torch.float16, torch.float32)
    )
    assert half == pytest.approx(full, rel=1e-3)
    assert full > 1.05


def test_gradients_of_weights_in_float16_that_overflow_are_taken_again():
    model, data = nn.Linear(1, 2, bias=False).half(), torch.full((2, 1), 200.0, dtype=torch.float16)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0], [0.02]]))
    examples = Examples.labelled(data, torch.zeros(2, dtype=torch.int64), np.arange(2), 2)
    fit(model, examples, Steps(lr=1e-4, epochs=1, batch=2, optimizer=SGD(momentum=0.0)), Classification(), 0)
    # The gradient is 200 times 0.98, which magnified is beyond what float16 has.
    assert model.weight.flatten().tolist() == pytest.approx([0.0196, 0.0004], abs=2e-4)


def test_a_part_of_a_gradient_that_overflows_on_another_process_is_taken_again_here_too(monkeypatch):
    model, there = nn.Linear(1, 2, bias=False).half(), iter(([1.0], [0.0]))
    monkeypatch.setattr("untrain.training.descend.process_group", lambda: SimpleNamespace(total=lambda mine: next(there)))
    parallel = WholeStep()
    parallel.sharded = True
    walk = _Walk(model, lambda batch: model(batch.x).float().sum(), trainable_parts(model, None), torch.device("cpu"), parallel)
    walk.gradients([Batch({"x": torch.ones(2, 1, dtype=torch.float16)}, torch.arange(2))])
    assert walk.magnified == MAGNIFIED / 2
    assert next(there, None) is None
    assert model.weight.grad is None
    assert walk.trainable[0].optimized.grad.flatten().tolist() == [2.0, 2.0]
