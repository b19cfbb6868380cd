"""The vision transformer for small data sets."""

import pytest
import torch
from torch import nn

from untrain.core.errors import ModelError, SpecError
from untrain.localizers._mask_units import has_attention
from untrain.models.architectures.vit import ViT

SMALL = ViT(patch=4, width=12, depth=2, heads=3, hidden=16)


def small(**more):
    """A small network in eval mode, the same each time."""
    torch.manual_seed(0)
    fields = {"patch": 4, "width": 12, "depth": 2, "heads": 3, "hidden": 16} | more
    return ViT(**fields).build((1, 8, 8), 5).eval()


def count(net):
    """Number of parameters."""
    return sum(p.numel() for p in net.parameters())


def test_it_has_the_published_number_of_parameters():
    assert count(ViT().build((3, 32, 32), 10)) == 11_013_518


def test_shifting_otherwise_takes_no_more_parameters():
    assert count(small()) == count(small(shift="half"))


def test_answers_have_one_column_a_class():
    assert small()(torch.zeros(3, 1, 8, 8)).shape == (3, 5)


def test_examples_of_a_batch_do_not_touch_each_other():
    x = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(small()(x)[2:3], small()(x[2:3]), atol=1e-5)


def cut(net, x):
    """What the linear layer of the patches would see before it is normalised, (patches, copies, pixels)."""
    seen = []
    hook = net.patches.norm.register_forward_pre_hook(lambda part, given: seen.append(given[0]))
    net(x)
    hook.remove()
    return seen[0][0].unflatten(1, (5, -1))


def test_the_first_copy_is_the_image_itself_patch_by_patch():
    x = torch.arange(64.0).reshape(1, 1, 8, 8)
    patches = cut(small(), x)[:, 0].unflatten(1, (4, 4))
    assert torch.equal(patches[1], x[0, 0, :4, 4:])
    assert torch.equal(patches[2], x[0, 0, 4:, :4])


@pytest.mark.parametrize(
    ("shift", "moves"),
    [("pixel", [(0, 1), (0, -1), (1, 0), (-1, 0)]), ("half", [(2, 2), (2, -2), (-2, 2), (-2, -2)])],
)
def test_the_others_are_shifted_and_filled_with_zeros(shift, moves):
    x = 1 + torch.arange(64.0).reshape(1, 1, 8, 8)
    patches = cut(small(shift=shift), x)
    for copy, (down, right) in enumerate(moves, start=1):
        moved = torch.zeros(8, 8)
        rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
        inside = (rows - down).clamp(0, 7).eq(rows - down) & (columns - right).clamp(0, 7).eq(columns - right)
        moved[inside] = x[0, 0][(rows - down)[inside], (columns - right)[inside]]
        whole = patches[:, copy].reshape(2, 2, 4, 4).permute(0, 2, 1, 3).reshape(8, 8)
        assert torch.equal(whole, moved)


def test_no_token_attends_to_itself():
    attention = small().layers[0].attention
    with torch.no_grad():
        attention.to_out.weight.copy_(torch.eye(12))
        attention.to_out.bias.zero_()
    x = torch.randn(1, 5, 12, generator=torch.Generator().manual_seed(2), requires_grad=True)
    # The value of a token reaches all outputs but its own: with queries and keys off, the others' mean.
    with torch.no_grad():
        attention.to_qkv.weight[:24].zero_()
        values = attention.norm(x) @ attention.to_qkv.weight[24:].T
        wanted = (values.sum(1, keepdim=True) - values) / 4
    assert torch.allclose(attention(x), wanted, atol=1e-5)


def test_the_temperature_begins_at_one_over_the_root_of_a_heads_width():
    for layer in small().layers:
        assert float(layer.attention.temperature.exp().detach()) == pytest.approx(4**-0.5)
        assert layer.attention.temperature.requires_grad


def test_all_parameters_receive_a_gradient():
    net = small()
    net(torch.randn(2, 1, 8, 8)).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in net.parameters())


def test_it_is_told_for_a_model_with_attention():
    assert has_attention(small())
    assert isinstance(small().head, nn.Linear)


@pytest.mark.parametrize("shape", [(1, 8, 6), (1, 9, 8), (64,)])
def test_images_that_patches_do_not_fill_are_refused(shape):
    with pytest.raises(ModelError, match="patches of 4 x 4 do not fill"):
        SMALL.build(shape, 5)


def test_heads_that_do_not_share_the_width_are_refused():
    with pytest.raises(ModelError, match="a width of 12 cannot be shared by 5 heads"):
        ViT(patch=4, width=12, heads=5).build((1, 8, 8), 2)


@pytest.mark.parametrize("wrong", [{"patch": 0}, {"depth": 0}, {"shift": "none"}])
def test_a_field_out_of_range_is_refused(wrong):
    with pytest.raises(SpecError, match=next(iter(wrong))):
        ViT(**wrong)
