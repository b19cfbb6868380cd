"""Classifiers of transformers: how they are spelled, made, and shown images."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import untrain as ut
from untrain.core.errors import MissingExtra, ModelError, SpecError
from untrain.data.examples import Batch
from untrain.localizers._mask_units import has_attention
from untrain.models.architectures.huggingface import HuggingFace, Pixels
from untrain.models.architectures.huggingfacelm import HuggingFaceLM
from untrain.models.compatibility import check_fit
from untrain.models.tasks.classification import Classification

KINDS = ("vit", "resnet", "convnext", "swin", "deit", "dinov2")


@pytest.mark.parametrize(
    "given",
    [
        HuggingFace(checkpoint="owner/name@main", mean=(0.5,), std=(0.25,), size=32),
        HuggingFace(kind="vit", config={"patch_size": 4, "hidden_size": 16, "hidden_act": "relu", "qkv_bias": False}),
        HuggingFace(kind="swin", config={"depths": [1, 1], "vision": {"deep": {"dropout": 0.5}, "wide": None}}),
        HuggingFace(kind="resnet", weights="fresh", config=(("depths", (1,)),)),
    ],
)
def test_its_spelling_makes_it_again(given):
    assert ut.parse(repr(given)) == given


def test_settings_are_a_mapping_or_pairs_in_any_order():
    one = HuggingFace(kind="vit", config={"hidden_size": 16, "patch_size": 4})
    assert one == HuggingFace(kind="vit", config=(("patch_size", 4), ("hidden_size", 16)))
    assert one == ut.parse("HuggingFace(kind='vit', config={'patch_size': 4, 'hidden_size': 16})")
    assert one.config == (("hidden_size", 16), ("patch_size", 4))
    assert HuggingFace(kind="clip", config={"vision_config": {"hidden_size": 8}}).config == (("vision_config.hidden_size", 8),)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "either checkpoint="),
        ({"kind": "vit", "checkpoint": "x/y"}, "either checkpoint="),
        ({"kind": "vit", "config": {"num_labels": 3}}, "'num_labels', which comes from the data"),
        ({"kind": "clip", "config": {"vision_config": {"image_size": 3}}}, r"which comes from size=\.\.\. or the data"),
        ({"kind": "vit", "config": {"a": object()}}, "numbers, text"),
        ({"kind": "vit", "config": {"a": float("nan")}}, "numbers, text"),
        ({"kind": "vit", "config": (("a", 1), ("a", 2))}, "each setting once"),
        ({"kind": "vit", "config": 3}, "settings by name"),
        ({"kind": "vit", "mean": (0.5,)}, "as many numbers each"),
        ({"kind": "vit", "mean": (0.5,), "std": (0.0,)}, "std above 0"),
        ({"kind": "vit", "size": 0}, "size=0"),
        ({"kind": "vit", "weights": "none"}, "weights='none'"),
    ],
)
def test_a_field_out_of_range_is_refused_in_one_line(fields, told):
    with pytest.raises(SpecError, match=told) as caught:
        HuggingFace(**fields)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_transformers_own_class_made_to_the_data(kind, hugging):
    net = hugging.built(hugging.spec(kind), (1, 8, 8), 5)
    assert type(net).__module__.startswith("transformers.")
    assert net(torch.rand(3, 1, 8, 8)).logits.shape == (3, 5)
    assert net.config.num_labels == 5
    assert net.config.num_channels == 1
    assert getattr(net.config, "image_size", 8) == 8
    assert not net.training
    assert set(net.state_dict()) == set(dict(type(net)(net.config).state_dict())), "no name is changed, no buffer added"


def test_attention_is_told_by_the_names_of_classes(hugging):
    found = {kind: has_attention(hugging.built(hugging.spec(kind))) for kind in KINDS}
    assert [kind for kind, has in found.items() if has] == ["vit", "swin", "deit", "dinov2"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_is_what_changes_with_the_number_of_classes(kind, hugging):
    few, many = hugging.built(hugging.spec(kind), classes=3), hugging.built(hugging.spec(kind), classes=4)
    shapes = {n: p.shape for n, p in many.named_parameters()}
    wanted = tuple(n for n, p in few.named_parameters() if shapes[n] != p.shape)
    assert Classification(classes=3).head(few) == wanted
    assert len(wanted) == (4 if kind == "deit" else 2)
    assert Classification(classes=3, head_names=wanted[:1]).head(few) == wanted[:1], "what the user names comes first"


def test_images_that_are_not_square_are_fine(hugging):
    assert hugging.built(hugging.spec("vit"), (3, 8, 12))(torch.rand(2, 3, 8, 12)).logits.shape == (2, 3)


def test_the_same_seed_draws_the_same_model_and_leaves_the_random_state(hugging):
    learner = ut.Train(model=hugging.spec("swin"))
    before = torch.get_rng_state()
    one, same, other = (learner.init(hugging.data(), seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(one[n], same[n]) for n in one)
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])


def test_pixels_are_normalised_by_channel():
    x = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    made = Pixels(3, None, (0.1, 0.2, 0.3), (0.5, 1.0, 2.0), False)(x)
    for channel, (mean, std) in enumerate([(0.1, 0.5), (0.2, 1.0), (0.3, 2.0)]):
        assert torch.allclose(made[:, channel], (x[:, channel] - mean) / std)


def test_pixels_without_a_mean_are_left_bit_for_bit():
    x = torch.rand(2, 1, 4, 4)
    assert torch.equal(Pixels(1, (4, 4), (0.0,), (1.0,), False)(x), x)


def test_grey_images_get_the_channels_of_the_model_and_colours_are_turned_where_asked():
    grey, colours = torch.rand(2, 1, 4, 4), torch.rand(2, 3, 4, 4)
    assert torch.equal(Pixels(3, None, (0.0,), (1.0,), False)(grey), torch.cat([grey] * 3, 1))
    assert torch.equal(Pixels(3, None, (0.0,), (1.0,), True)(colours), colours[:, [2, 1, 0]])


def test_images_are_resized_whole():
    made = Pixels(1, (6, 8), (0.0,), (1.0,), False)
    assert torch.allclose(made(torch.full((1, 1, 3, 4), 0.3)), torch.full((1, 1, 6, 8), 0.3))
    x = torch.rand(1, 1, 12, 16)
    assert torch.allclose(made(x), F.interpolate(x, (6, 8), mode="bilinear", antialias=True))


def test_bytes_are_scaled_once_and_then_normalised(hugging):
    plain = hugging.built(hugging.spec("vit"))
    made = hugging.built(hugging.spec("vit", mean=(0.5,), std=(0.25,)))
    x, y = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8), torch.tensor([0, 1])
    wanted = plain((x.float() / 255 - 0.5) / 0.25).logits
    assert torch.allclose(Classification().forward(made, Batch.labelled(x, y)), wanted, atol=1e-6)
    assert torch.equal(made(pixel_values=x / 255).logits, made(x / 255).logits), "by name as by place"


def test_a_size_of_its_own_is_what_the_model_sees(hugging):
    net = hugging.built(hugging.spec("vit", size=12))
    assert net.config.image_size == 12
    assert net.vit.embeddings.position_embeddings.shape[1] == 1 + 9
    assert net(torch.rand(2, 1, 8, 8)).logits.shape == (2, 3)


def test_a_part_of_a_model_of_images_and_text_is_made_to_the_data_too():
    part = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "patch_size": 4}
    net = HuggingFace(kind="clip", config={"vision_config": part}).build((1, 8, 8), 3)
    assert net.config.vision_config.image_size == 8
    assert net(torch.rand(2, 1, 8, 8)).logits.shape == (2, 3)


@pytest.mark.parametrize(
    ("made", "shape", "told"),
    [
        (HuggingFace(kind="vti"), (1, 8, 8), "no image classifier of kind 'vti'; did you mean 'vit'"),
        (HuggingFace(kind="imagegpt"), (1, 8, 8), "takes input_ids, and no images by themselves"),
        (HuggingFace(kind="vit", config={"hiden_size": 8}), (1, 8, 8), "no setting 'hiden_size'; did you mean 'hidden_size'"),
        (HuggingFace(kind="vit", config={"_attn_implementation": "a/b"}), (1, 8, 8), "no setting '_attn_implementation'"),
        (HuggingFace(kind="vit", config={"to_dict": 1}), (1, 8, 8), "no setting 'to_dict'"),
        (HuggingFace(kind="clip", config={"vision_confg.a": 8}), (1, 8, 8), r"no setting 'vision_confg\.a'"),
        (HuggingFace(kind="vit", config={"hidden_size": "wide"}), (1, 8, 8), "kind=?.?'vit': "),
        (HuggingFace(kind="vit", config={"num_channels": 3}), (2, 8, 8), "takes images of 3 channels, and these have 2"),
        (HuggingFace(kind="vit"), (64,), r"takes images \(channels, height, width\), and these examples have shape \(64,\)"),
        (HuggingFace(kind="resnet", mean=(0.1, 0.2), std=(1.0, 1.0)), (3, 8, 8), "of 3 channels cannot be normalised by mean"),
    ],
)
def test_what_cannot_be_built_is_told_in_one_line(made, shape, told):
    with pytest.raises(ModelError, match=told) as caught:
        made.build(shape, 3)
    assert "\n" not in str(caught.value)


def test_patches_larger_than_the_image_are_told_when_it_is_asked(hugging):
    with pytest.raises(ModelError, match=r"ViTForImageClassification cannot take examples of shape \(1, 8, 8\)"):
        check_fit(hugging.built(hugging.spec("vit", config={"patch_size": 16})), Classification(), hugging.data())


def test_a_kind_that_needs_a_further_library_says_which():
    with pytest.raises(MissingExtra, match="timm") as caught:
        HuggingFace(kind="timm_wrapper").build((3, 8, 8), 3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("made", "shape"), [(HuggingFace(kind="vit"), (3, 8, 8)), (HuggingFaceLM(kind="llama"), (8, 20))])
def test_without_transformers_one_line_names_the_extra(monkeypatch, made, shape):
    for module in [name for name in sys.modules if name.startswith("untrain.models.transformers")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.delattr("untrain.models.transformers", raising=False)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtra, match=rf"{type(made).__name__} needs transformers.*pip install 'untrain\[transformers\]'"):
        made.build(shape, 3)


def test_neither_help_nor_listing_nor_spelling_imports_transformers():
    code = (
        "import sys; from typer.testing import CliRunner; from untrain import parse; from untrain.commands.cli import app as cli\n"
        "for words in (['--help'], ['methods', '--json'], ['show', 'HuggingFace']):\n"
        "    assert CliRunner().invoke(cli.app, words).exit_code == 0\n"
        "parse(\"Digits(model=HuggingFace(kind='vit'))\")\n"
        "print([m for m in sys.modules if m.partition('.')[0] in ('transformers', 'tokenizers')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_transformers_is_imported_without_a_warning_and_without_torchvision():
    code = "import sys; import untrain.models.transformers.images; print('torchvision' in sys.modules)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_model_says_itself_which_parameters_are_its_head():
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3))
    net.head_names = ("0.weight",)
    assert Classification(classes=3).head(net) == ("0.weight",)
