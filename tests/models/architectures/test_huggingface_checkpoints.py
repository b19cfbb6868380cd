"""Checkpoints: what is loaded is what was saved, nothing is unpickled or run, and resets and retraining begin there."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import untrain as ut
from untrain.commands.cli import app
from untrain.core.errors import ModelError
from untrain.experiments.untrained import network_of
from untrain.models.architectures.huggingface import HuggingFace

KINDS = ("vit", "resnet", "convnext", "swin", "deit", "dinov2")


@pytest.fixture
def folder(hugging, tmp_path):
    """A checkpoint of a trained tiny vision transformer, its path as text."""
    return hugging.saved(hugging.trained("vit")[1], tmp_path / "saved")


def edited(folder, file, **more):
    """A file of settings with some changed."""
    path = Path(folder) / file
    held = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(held | more))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_saved_is_loaded_bit_for_bit(kind, hugging, tmp_path):
    model, x = hugging.trained(kind)[1], hugging.data().x
    again = hugging.built(HuggingFace(checkpoint=hugging.saved(model, tmp_path)))
    assert type(again) is type(model)
    assert list(again.state_dict()) == list(model.state_dict())
    assert all(torch.equal(t, model.state_dict()[n]) for n, t in again.state_dict().items())
    with torch.no_grad():
        assert torch.equal(again(x).logits, model(x).logits)


def test_how_pixels_are_prepared_is_saved_and_loaded_with_the_weights(hugging, tmp_path):
    made, x = hugging.spec("resnet", mean=(0.3,), std=(0.7,), size=12), hugging.data().x
    model = hugging.built(made)
    again = hugging.built(HuggingFace(checkpoint=hugging.saved(model, tmp_path)))
    assert again.pixels.size == (12, 12)
    assert torch.equal(again.pixels.mean, model.pixels.mean)
    assert torch.equal(again.pixels.std, torch.tensor([[[0.7]]]))
    with torch.no_grad():
        assert torch.equal(again(x).logits, model(x).logits)


@pytest.mark.parametrize(
    ("file", "held", "mean", "std", "flip"),
    [
        ("preprocessor_config.json", {"image_mean": [0.5], "image_std": [0.25]}, 0.5, 0.25, False),
        ("preprocessor_config.json", {"image_mean": 0.5, "image_std": 0.25, "do_normalize": False}, 0.0, 1.0, False),
        ("preprocessor_config.json", {"do_flip_channel_order": True}, 0.0, 1.0, True),
        ("processor_config.json", {"image_processor": {"image_mean": [0.1], "image_std": [2.0]}}, 0.1, 2.0, False),
        # (2 x - 0.5) / 0.25 = (x - 0.25) / 0.125
        ("preprocessor_config.json", {"rescale_factor": 2 / 255, "image_mean": [0.5], "image_std": [0.25]}, 0.25, 0.125, False),
    ],
)
def test_a_checkpoints_own_processor_says_how_images_are_normalised(file, held, mean, std, flip, hugging, folder):
    config = json.loads((Path(folder) / "config.json").read_text())
    config.pop("untrain_pixels")
    (Path(folder) / "config.json").write_text(json.dumps(config))
    edited(folder, file, **held)
    pixels = hugging.built(HuggingFace(checkpoint=folder)).pixels
    assert (float(pixels.mean), float(pixels.std), pixels.flip) == (pytest.approx(mean), pytest.approx(std), flip)
    named = hugging.built(HuggingFace(checkpoint=folder, mean=(0.75,), std=(3.0,))).pixels
    assert (float(named.mean), float(named.std)) == (0.75, 3.0), "what the spec says comes first"
    assert named.flip == flip, "the order of channels is still the checkpoint's"


def test_a_head_of_another_size_is_drawn_from_the_seed_and_the_rest_is_the_checkpoints(hugging, folder):
    learner, held = ut.Train(model=HuggingFace(checkpoint=folder)), hugging.trained("vit")[1].state_dict()
    wide = ut.examples(hugging.data().x, torch.arange(60) % 7)
    one, same, other = (learner.init(wide, seed).state_dict() for seed in (0, 0, 1))
    assert one["classifier.weight"].shape == (7, 16)
    assert all(torch.equal(one[n], same[n]) for n in one)
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])
    assert all(torch.equal(one[n], held[n]) for n in one if not n.startswith("classifier"))


def test_fresh_weights_are_drawn_for_the_checkpoints_own_configuration(hugging, folder):
    held, fresh = hugging.trained("vit")[1], hugging.built(HuggingFace(checkpoint=folder, weights="fresh"))
    assert [p.shape for p in fresh.parameters()] == [p.shape for p in held.parameters()]
    weight = next(n for n, p in held.named_parameters() if p.shape == (32, 16))
    assert not torch.equal(fresh.state_dict()[weight], held.state_dict()[weight])
    Path(folder, "model.safetensors").unlink()
    assert torch.equal(
        hugging.built(HuggingFace(checkpoint=folder, weights="fresh")).state_dict()[weight], fresh.state_dict()[weight]
    )


def test_images_of_another_size_are_resized_to_the_checkpoints_and_grey_ones_coloured(hugging, tmp_path):
    model = hugging.built(hugging.spec("vit"), (3, 8, 8))
    again = hugging.built(HuggingFace(checkpoint=hugging.saved(model, tmp_path)), (1, 16, 16))
    x = torch.full((2, 1, 16, 16), 0.4)
    with torch.no_grad():
        assert torch.allclose(again(x).logits, model(torch.full((2, 3, 8, 8), 0.4)).logits, atol=1e-6)


def test_settings_of_a_checkpoint_may_be_changed(hugging, folder):
    net = hugging.built(HuggingFace(checkpoint=folder, config={"hidden_dropout_prob": 0.5}))
    assert {part.p for part in net.modules() if isinstance(part, torch.nn.Dropout)} == {0.5}


def test_a_reset_to_fresh_values_goes_back_to_the_checkpoint(hugging, folder):
    learner = ut.Train(model=HuggingFace(checkpoint=folder), steps=ut.Steps(lr=0.01, epochs=1))
    data, held = hugging.data(), hugging.trained("vit")[1].state_dict()
    model = learner(data, 5)
    assert not all(torch.equal(t, held[n]) for n, t in model.state_dict().items()), "training moved it"
    problem = ut.problem(data, [0, 1, 2], learner, origin=5)
    for reset in ("fresh", "own"):
        back = ut.ResetFinetune(steps=ut.Steps(epochs=0), reset=reset)(model, problem)
        assert all(torch.equal(t, held[n]) for n, t in back.state_dict().items())


def test_a_drawn_head_is_drawn_anew_by_a_fresh_reset_and_is_the_models_own_by_the_other(hugging, folder):
    wide = ut.examples(hugging.data().x, torch.arange(60) % 7)
    learner = ut.Train(model=HuggingFace(checkpoint=folder), steps=ut.Steps(lr=0.01, epochs=1))
    model, own = learner(wide, 5), learner.init(wide, 5).state_dict()
    problem = ut.problem(wide, [0, 1, 2], learner, origin=5)
    fresh, mine = (
        ut.ResetFinetune(steps=ut.Steps(epochs=0), reset=reset)(model, problem).state_dict() for reset in ("fresh", "own")
    )
    assert all(torch.equal(t, own[n]) for n, t in mine.items())
    assert [n for n, t in fresh.items() if not torch.equal(t, own[n])] == ["classifier.weight"]  # biases begin at 0


def test_retraining_is_finetuning_from_the_checkpoint_without_the_forget_set(hugging, folder):
    learner = ut.Train(model=HuggingFace(checkpoint=folder), steps=ut.Steps(lr=0.01, epochs=1))
    problem = ut.problem(hugging.data(), [0, 1, 2], learner, seed=4)
    again, wanted = ut.Retrain()(learner(hugging.data(), 0), problem), learner(problem.retain, 4)
    assert all(torch.equal(t, wanted.state_dict()[n]) for n, t in again.state_dict().items())


def test_what_was_loaded_forgets_and_is_saved_again(hugging, folder, tmp_path):
    data = hugging.data()
    model = HuggingFace(checkpoint=folder).build(hugging.SHAPE, hugging.CLASSES)
    learner = ut.Train(model=HuggingFace(checkpoint=folder, weights="fresh"), steps=ut.Steps(lr=0.01, epochs=2))
    forgot = ut.DEL()(model, ut.problem(data, [0, 1, 2], learner))
    again = hugging.built(HuggingFace(checkpoint=hugging.saved(forgot, tmp_path / "forgot")))
    assert not torch.equal(again(data.x).logits, model(data.x).logits)
    assert torch.equal(again(data.x).logits, forgot(data.x).logits)


def test_a_stores_key_follows_weights_and_settings_and_not_the_path_alone(hugging, folder, tmp_path):
    data, learner = hugging.data(), ut.Train(model=HuggingFace(checkpoint=folder))
    first = network_of(learner, data)
    assert network_of(ut.Train(model=HuggingFace(checkpoint=str(shutil.copytree(folder, tmp_path / "copy")))), data) == first
    config = (Path(folder) / "config.json").read_text()
    for more in ({"num_attention_heads": 4}, {"layer_norm_eps": 0.1}, {"attention_probs_dropout_prob": 0.5}):
        edited(folder, "config.json", **more)
        assert network_of(learner, data) != first, f"{more} shows in no shape"
        (Path(folder) / "config.json").write_text(config)
    assert network_of(learner, data) == first
    hugging.saved(hugging.built(hugging.spec("vit"), seed=9), folder)
    assert network_of(learner, data) != first


def test_it_runs_on_the_command_line(hugging, folder, tmp_path):
    model = f"HuggingFace(checkpoint='{folder}', config={{'hidden_dropout_prob': 0.0}})"
    words = [
        "run", f"Digits(model={model}, steps=Steps(lr=0.01, epochs=1, optimizer=AdamW()))", "DEL(steps=Steps(epochs=1))", "Retrain",
        "--seeds", "1", "--oracles", "2", "--store", str(tmp_path / "store"), "--workers", "1", "--json",
    ]  # fmt: skip
    done = CliRunner().invoke(app.app, words)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert [row["error"] for row in document["results"]] == [None, None]
    assert all(row["guard"]["outside_mask_max"] == 0 and row["guard"]["moved_share"] > 0 for row in document["results"])
    scenario = ut.parse(document["scenario"])
    assert scenario.model.checkpoint == folder


def test_a_pickle_is_never_loaded(hugging, folder, monkeypatch):
    weights = Path(folder) / "model.safetensors"
    torch.save(hugging.trained("vit")[1].state_dict(), weights.with_name("pytorch_model.bin"))
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("a pickle was opened"))
    assert hugging.built(HuggingFace(checkpoint=folder)) is not None, "beside safetensors it is passed over"
    weights.unlink()
    with pytest.raises(ModelError, match=r"holds no \.safetensors file, and no other is ever unpickled"):
        hugging.built(HuggingFace(checkpoint=folder))
    weights.with_name("other.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="checkpoint=") as caught:
        hugging.built(HuggingFace(checkpoint=folder))
    assert "\n" not in str(caught.value)


def test_code_that_a_checkpoint_brings_is_never_run(hugging, folder, tmp_path):
    trap = tmp_path / "sprung"
    Path(folder, "mine.py").write_text(f"open({str(trap)!r}, 'w')\nclass C: ...\nclass M: ...\n")
    own = {"AutoConfig": "mine.C", "AutoModelForImageClassification": "mine.M"}
    edited(folder, "config.json", auto_map=own)
    hugging.built(HuggingFace(checkpoint=folder))
    edited(folder, "config.json", model_type="of_my_own")
    with pytest.raises(ModelError, match="checkpoint=") as caught:
        hugging.built(HuggingFace(checkpoint=folder))
    assert "\n" not in str(caught.value)
    assert not trap.exists()


def test_weights_of_another_model_are_refused(hugging, folder):
    edited(folder, "config.json", intermediate_size=24)
    with pytest.raises(ModelError, match=r"does not hold the weights of its config: vit\.\S+\.bias and 5 more"):
        hugging.built(HuggingFace(checkpoint=folder))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "bert"}, "no image classifier of kind 'bert'"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, "holds quantised weights"),
    ],
)
def test_a_checkpoint_that_is_no_trainable_image_classifier_is_refused(change, told, hugging, folder):
    edited(folder, "config.json", **change)
    with pytest.raises(ModelError, match=told):
        hugging.built(HuggingFace(checkpoint=folder))


def test_an_adapter_is_no_model(hugging, folder):
    edited(folder, "adapter_config.json", peft_type="LORA")
    with pytest.raises(ModelError, match="holds an adapter and no whole model"):
        hugging.built(HuggingFace(checkpoint=folder))


@pytest.mark.parametrize("name", ["./no/such/folder", "/no/such/folder", "a b/c", "x/y/z"])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(name, hugging):
    with pytest.raises(ModelError, match="there is no such folder, and no model on the hub is named so"):
        hugging.built(HuggingFace(checkpoint=name))


def test_a_folder_without_a_configuration_is_told_in_one_line(hugging, tmp_path):
    with pytest.raises(ModelError, match=r"checkpoint=.*config\.json") as caught:
        hugging.built(HuggingFace(checkpoint=str(tmp_path)))
    assert "\n" not in str(caught.value)


def test_without_a_network_the_hubs_cache_is_used_revision_by_revision(hugging, folder, tmp_path):
    held = tmp_path / "cache" / "models--me--vit"
    for at, (revision, commit) in enumerate([("main", "a" * 40), ("old", "b" * 40)]):
        shutil.copytree(folder, held / "snapshots" / commit)
        hugging.saved(hugging.built(hugging.spec("vit"), seed=at), held / "snapshots" / commit)
        (held / "refs").mkdir(exist_ok=True)
        (held / "refs" / revision).write_text(commit)
    code = (
        "from untrain.models.architectures.huggingface import HuggingFace; from untrain.core.errors import ModelError\n"
        "for name in ('me/vit', 'me/vit@old', 'me/vit@none', 'me/other'):\n"
        "    try: print(float(HuggingFace(checkpoint=name).build((1, 8, 8), 3).classifier.weight.detach().sum()))\n"
        "    except ModelError as error: print(error)"
    )
    offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, env=offline)
    lines = done.stdout.splitlines()
    assert [float(line) for line in lines[:2]] == [
        float(hugging.built(hugging.spec("vit"), seed=at).classifier.weight.detach().sum()) for at in range(2)
    ]
    assert [line.partition(":")[0] for line in lines[2:]] == ["checkpoint='me/vit@none'", "checkpoint='me/other'"]
