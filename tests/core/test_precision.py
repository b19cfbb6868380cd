"""Number formats and layouts: resolved once, visible in the arithmetic, and gone afterwards."""

import shutil

import pytest
import torch
from torch import nn

from untrain.core import precision
from untrain.core.errors import BadInput
from untrain.core.precision import autocast, channel_last, channels_last, compiling, computing, resolve

CPU = torch.device("cpu")


@pytest.mark.parametrize(("gains", "wanted"), [(True, "bfloat16"), (False, "float32")])
def test_auto_is_bfloat16_where_the_machine_has_instructions_for_it(gains, wanted, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: gains, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    assert resolve("auto", "cpu") == wanted


def test_a_named_precision_is_taken_whatever_the_machine():
    assert [resolve(name, "cpu") for name in ("float32", "bfloat16")] == ["float32", "bfloat16"]


def test_a_misspelled_precision_is_refused_in_one_line():
    with pytest.raises(BadInput, match=r"precision='bfloat61'; did you mean 'bfloat16'\?: one of auto, float32, bfloat16"):
        resolve("bfloat61", "cpu")


def test_within_computing_products_are_in_bfloat16_and_afterwards_not():
    layer, x = nn.Linear(2, 2), torch.ones(1, 2)
    kinds = []
    for asked in ("bfloat16", "float32"):
        with computing(asked), autocast(CPU):
            kinds.append(layer(x).dtype)
    with autocast(CPU):
        kinds.append(layer(x).dtype)
    assert kinds == [torch.bfloat16, torch.float32, torch.float32]


def test_convolutions_lie_channels_last_within_and_as_before_afterwards():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Linear(2, 2))
    before = {n: (p.detach().clone(), p.stride()) for n, p in model.named_parameters()}
    with channels_last(model), channels_last(model):
        assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
        assert not model[0].weight.is_contiguous()
    for n, p in model.named_parameters():
        assert p.stride() == before[n][1]
        assert torch.equal(p, before[n][0])


def test_a_layout_of_the_users_own_is_left_alone():
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    with channels_last(model):
        pass
    assert model.weight.is_contiguous(memory_format=torch.channels_last)


def test_gradients_follow_the_layout():
    model = nn.Conv2d(3, 4, 3)
    model(torch.ones(1, 3, 4, 4)).sum().backward()
    grad = model.weight.grad.clone()
    with channels_last(model):
        assert model.weight.grad.stride() == model.weight.stride()
    assert torch.equal(model.weight.grad, grad)


@pytest.mark.filterwarnings("ignore")  # what torch's compiler warns of is its own
def test_a_model_is_compiled_only_within_and_only_when_asked_for():
    model = nn.Linear(2, 2)
    with compiling(model):
        assert model._compiled_call_impl is None
    with computing(compiled=True), compiling(model):
        assert model._compiled_call_impl is not None
    assert model._compiled_call_impl is None


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.filterwarnings("ignore")  # what torch's compiler warns of is its own
def test_a_compiled_model_learns_what_a_plain_one_does():
    from untrain.training.learners.train import Train
    from untrain.training.toy import small

    _, problem = small()
    learner: Train = problem.recipe
    plain = dict(learner(problem.retain, 0).named_parameters())
    with computing(compiled=True):
        compiled = dict(learner(problem.retain, 0).named_parameters())
    for name, p in plain.items():
        torch.testing.assert_close(compiled[name], p, rtol=1e-3, atol=1e-4)


def test_the_machine_is_asked_through_functions_that_this_torch_has():
    assert precision._gains(CPU) in (True, False)
    assert hasattr(torch.cpu, "_is_avx512_bf16_supported") or hasattr(torch.cpu, "_is_amx_tile_supported")


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_one_channel_are_laid_out_channel_last_and_convolutions_keep_to_it(channels):
    torch.manual_seed(0)
    images = torch.rand(5, channels, 6, 4)
    laid = channel_last(images)
    assert laid.data_ptr() == images.data_ptr()
    assert torch.equal(laid, images)
    net = nn.Sequential(nn.Conv2d(channels, 8, 3), nn.MaxPool2d(2)).requires_grad_(False)
    assert laid.stride() == ((24, 1, 4, 1) if channels == 1 else images.stride())
    assert torch.allclose(net(laid), net(images), atol=1e-6)
    assert net(laid).is_contiguous(memory_format=torch.channels_last) == (channels == 1)
    assert laid.view(5, -1).shape == (5, 24 * channels)  # as a model without convolutions takes them
    for other in (images[:, :, ::2], images[0], torch.rand(5, 4)):
        assert channel_last(other) is other
