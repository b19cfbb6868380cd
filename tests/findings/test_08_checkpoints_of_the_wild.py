"""Checkpoints that torch or safetensors load, or whose weights are the model's under a wrapper's name, are audited."""

import argparse
import bz2
import gzip
import json
import lzma
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import untrain as ut
from covering import quick
from untrain.core.errors import DataError, ModelError
from untrain.core.metering import metered
from untrain.data.readers.damage import reading
from untrain.data.readers.datasets import read_parquet
from untrain.data.readers.numpy_files import read_numpy
from untrain.experiments.audits.checkpoints import read_state
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting
from untrain.training.toy import small

DRAW = np.random.default_rng(0)
STEPS = ut.Steps(lr=0.1, epochs=1, batch=32)


def some(n):
    y = DRAW.integers(4, size=n)
    return DRAW.normal(size=(n, 4)).astype("float32") + 2 * np.eye(4)[y].astype("float32"), y


def read_numpy_file(path):
    with reading("it cannot be read"):
        return read_numpy(Path(path))


class Plain(nn.Module):
    """Names with dots, batch norm."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, x):
        return self.net(x)


SCENARIO = ut.Custom(train=some(120), test=some(60), model=Plain, request=ut.Random(fraction=0.1), steps=STEPS)


@pytest.fixture(scope="module")
def state():
    return SCENARIO.learner()(SCENARIO.load().train, seed=5).state_dict()


@pytest.fixture(scope="module")
def audit(state, tmp_path_factory):
    """Audits a checkpoint; scores, and what is told."""
    home = tmp_path_factory.mktemp("wild")

    def run(what, name="m.pt"):
        torch.save(what, home / name)
        document = ut.audit(
            ut.Checkpoints(str(home / name), oracles=2), scenario=SCENARIO, store=home / "runs", evaluators="Accuracy"
        )
        return document["results"][0]["scores"], [each for each in document["warnings"] if "weights" in each or "lack" in each]

    return run


def prefixed(state, head):
    return {head + n: t for n, t in state.items()}


WILD = {
    "torch.compile": lambda s: prefixed(s, "_orig_mod."),
    "torch.compile in DataParallel": lambda s: prefixed(s, "module._orig_mod."),
    "DataParallel in torch.compile": lambda s: prefixed(s, "_orig_mod.module."),
    "Lightning": lambda s: {"epoch": 3, "state_dict": prefixed(s, "model.")},
    "before torch 0.4.1": lambda s: {n: t for n, t in s.items() if "num_batches" not in n},
    "the part inside": lambda s: {n.removeprefix("net."): t for n, t in s.items()},
    "deep": lambda s: {"trainer": {"fold": [{"weights": s}]}},
}


# What is said of each: what was taken from the names, or was lacking.
SAID = {name: [] for name in WILD} | {
    "torch.compile": ["weights are read without _orig_mod. in their names"],
    "torch.compile in DataParallel": ["weights are read without module._orig_mod. in their names"],
    "DataParallel in torch.compile": ["weights are read without _orig_mod.module. in their names"],
    "Lightning": ["weights are read without model. in their names"],
    "the part inside": ["the lack of net. is made up for"],
}


@pytest.mark.parametrize("name", quick(WILD, *(n for n in WILD if n == "torch.compile" or "compile" not in n)))
def test_checkpoints_of_the_wild_get_the_scores_of_the_plain_one(audit, state, name):
    plain, _ = audit(dict(state), "plain.pt")
    found, told = audit(WILD[name](dict(state)))
    assert found == plain
    assert [line.partition(": ")[2] for line in told] == SAID[name]


# What becomes of the numbers 0, 1, -1 and 0.5 in each kind of tensor that a state dict may hold in the place of float32.
KINDS = {
    torch.float32: [], torch.float16: [], torch.bfloat16: [],
    torch.float64: ["weights in float64 are rounded to the model's float32"],
    **{
        kind: [f"weights were rounded to {str(kind)[6:]} when they were saved, and are read as they are, without any scale"]
        for kind in (torch.float8_e4m3fn, torch.float8_e5m2)
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def read():
    """Reads a state dict as weights of the scenario's model; the weights, and the notes."""
    scene = open_scene(SCENARIO, Setting())

    def run(given):
        with metered() as meter:
            return read_state(given, scene, "it"), [str(note).partition(": ")[2] for note in meter.notes]

    return run


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_fractions_of_every_kind_are_read_and_their_rounding_is_said(read, state, kind):
    weights, notes = read({n: t.to(kind) if t.is_floating_point() else t for n, t in state.items()})
    assert notes == KINDS[kind]
    assert all(torch.equal(t, state[n].to(kind).to(t.dtype) if t.is_floating_point() else state[n]) for n, t in weights.items())


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.int32, torch.int64, torch.bool, torch.complex64], ids=str)
def test_numbers_that_are_no_fractions_are_no_weights(read, state, kind):
    codes = {n: (100 * t).abs().to(kind) if t.ndim == 2 else t for n, t in state.items()}
    with pytest.raises(ModelError, match=rf"net.0.weight holds {str(kind)[6:]} and the model's float32, and so in 1 more"):
        read(codes)
    weights, _ = read({"model": dict(state), "codes": codes})
    assert torch.equal(weights["net.0.weight"], state["net.0.weight"])


def test_counts_are_read_as_whole_numbers_of_any_kind_and_as_nothing_else(read, state):
    name = next(n for n in state if n.endswith("num_batches_tracked"))
    for kind in (torch.int32, torch.uint8, torch.float32):
        assert read({**state, name: torch.tensor(5).to(kind)})[0][name] == 5
    with pytest.raises(ModelError, match="num_batches_tracked holds float32 and the model's int64"):
        read({**state, name: torch.tensor(5.5)})


WRONG = {
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 1\n", "git-lfs.*git lfs pull"),
    "page": (b"\n<!DOCTYPE html><html>404", "web page"),
    "gzip": (gzip.compress(b"x" * 100), "packed by gzip: unpack it"),
    "bzip2": (bz2.compress(b"x" * 100), "packed by bzip2: unpack it"),
    "xz": (lzma.compress(b"x" * 100), "packed by xz: unpack it"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
    "text": (b"hello, world", "begins with b'hello, wo', as no file"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_of_another_kind_is_named_as_what_it_is(read, tmp_path, name):
    (tmp_path / "m.pt").write_bytes(WRONG[name][0])
    with pytest.raises(DataError, match=WRONG[name][1]) as refused:
        read(str(tmp_path / "m.pt"))
    assert "more than tensors" not in str(refused.value)
    if name != "text":
        for read_file in (read_numpy_file, read_parquet):
            with pytest.raises(DataError, match=WRONG[name][1]):
                read_file(str(tmp_path / "m.pt"))


def test_archives_of_others_are_named_by_what_they_hold(read, state, tmp_path):
    np.savez(tmp_path / "weights.npz", **{n: t.numpy() for n, t in state.items()})
    with pytest.raises(DataError, match=r"an archive of net.0.weight.npy, .*which torch did not write: save the weights"):
        read(str(tmp_path / "weights.npz"))


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (lambda s: {"state_dict": s, "best_acc": np.float64(91.2)}, r"numpy.*scalar"),
        (lambda s: {"state_dict": s, "args": argparse.Namespace(lr=0.1)}, r"argparse.Namespace.*torch.save\(model.state_dict\(\)"),
        (lambda s: {"model": s, "net": s}, "several state dicts that fit, 'model' and 'net': name one, such as FILE#model"),
    ],
)
def test_refusals_say_what_is_there(audit, state, what, told):
    with pytest.raises(DataError, match=told):
        audit(what(dict(state)))


def wrapped(model):
    compiled = torch.compile(model, backend="eager")
    return {"compiled": compiled, "parallel": nn.DataParallel(model), "both": nn.DataParallel(compiled), "neither": model}


@pytest.mark.parametrize("way", ["compiled", "parallel", "both"])
@pytest.mark.parametrize("method", ["DEL", "Finetune", "Finetune @ WeightedGrad", "BadTeacher", "Retrain"])
def test_wrapped_models_forget_as_the_module_inside(way, method):
    model, problem = small()
    method = ut.parse(method)
    right, found = method(model, problem), method(wrapped(model)[way], problem)
    assert found.state_dict().keys() == right.state_dict().keys()
    assert all(torch.equal(t, right.state_dict()[n]) for n, t in found.state_dict().items())


@pytest.mark.parametrize("way", ["compiled", "parallel"])
def test_a_factory_may_wrap_what_it_makes(way):
    from dataclasses import replace

    model, problem = small()
    init = problem.init
    other = replace(problem, init=lambda seed: wrapped(init(seed))[way])
    right, found = ut.DEL()(model, problem), ut.DEL()(model, other)
    assert all(torch.equal(t, right.state_dict()[n]) for n, t in found.state_dict().items())


def test_observers_look_at_the_module_inside():
    from untrain.evaluation.observers.activations import Activations
    from untrain.evaluation.observers.base import ObserverContext

    model, problem = small()
    context = ObserverContext(problem.task, problem.forget, problem.retain, problem.init, {})
    right = Activations()(model, context)
    for way in ("compiled", "parallel", "both"):
        assert np.array_equal(Activations()(wrapped(model)[way], context), right)


def test_the_price_of_files_that_are_not_there_is_an_error(state, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for models in (
        ut.Checkpoints("no.pt", oracles=2), ut.Checkpoints("no.pt", "no.pt"), ut.Checkpoints("no.pt", oracles=2, original="no.pt"),
        ut.Outputs("no.npy", 4), ut.Outputs("no.npy", "no.npy"), ut.Checkpoints(nn.Linear(2, 2), oracles=2, original="no.npy"),
    ):  # fmt: skip
        with pytest.raises(DataError, match="there is no file"):
            ut.audit(models, scenario=SCENARIO, price=True, store=tmp_path / "runs")
    np.save("u.npy", np.random.default_rng(0).normal(size=(2, 6, 3)))
    for name in ("labels", "forget", "sides", "ids"):
        with pytest.raises(DataError, match=f"{name}: there is no file"):
            ut.audit(ut.Outputs("u.npy", "u.npy", **{name: "no.csv"}), price=True, store=tmp_path / "runs")
    (tmp_path / "m.pt").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be read"):
        ut.audit(ut.Checkpoints("m.pt", oracles=2), scenario=SCENARIO, price=True, store=tmp_path / "runs")
    torch.save(dict(state), "good.pt")
    assert ut.audit(ut.Checkpoints("good.pt", oracles=2), scenario=SCENARIO, price=True, store=tmp_path / "runs")


@pytest.mark.parametrize("kind", ["vit", "convnext", "resnet"])
def test_what_save_pretrained_writes_comes_in_again(hugging, kind, tmp_path):
    pytest.importorskip("transformers")
    data = hugging.data()
    architecture = hugging.spec(kind, mean=(0.5,), std=(0.25,))
    scenario = ut.Custom(
        train=data, test=hugging.data(30), model=architecture, request=ut.Random(fraction=0.1),
        steps=ut.Steps(lr=0.01, epochs=1, batch=16, optimizer=ut.AdamW()),
    )  # fmt: skip
    model = scenario.learner()(scenario.load().train, seed=5)
    folder = hugging.saved(model, tmp_path / "saved")
    torch.save(model.state_dict(), tmp_path / "m.pt")
    scores = [
        ut.audit(ut.Checkpoints(given, oracles=2), scenario=scenario, store=tmp_path / "runs", evaluators="Accuracy")["results"][0][
            "scores"
        ]
        for given in (str(tmp_path / "m.pt"), folder, f"{folder}/model.safetensors", model)
    ]
    assert scores[1:] == scores[:1] * 3
    written = json.loads((tmp_path / "saved" / "preprocessor_config.json").read_text())
    assert (written["image_mean"], written["image_std"]) == ([0.5], [0.25])


def test_a_pipeline_reads_what_save_pretrained_writes(hugging, tmp_path):
    transformers = pytest.importorskip("transformers")
    image = pytest.importorskip("PIL.Image")
    model = hugging.built(hugging.spec("vit", mean=(0.5,), std=(0.25,)), (3, 8, 8))
    folder = hugging.saved(model, tmp_path / "saved")
    pixels = (DRAW.random((8, 8, 3)) * 255).astype("uint8")
    found = transformers.pipeline("image-classification", model=folder)(image.fromarray(pixels))
    with torch.no_grad():
        right = model(torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255).logits.softmax(1)[0]
    assert [row["score"] for row in found] == pytest.approx(sorted(right.tolist(), reverse=True), abs=1e-5)


def test_safetensors_of_no_use_are_refused(tmp_path, audit):
    save_file({"x": torch.zeros(1)}, tmp_path / "m.safetensors")
    with pytest.raises(ut.UntrainError, match="does not fit the model of Custom: missing"):
        ut.audit(ut.Checkpoints(str(tmp_path / "m.safetensors"), oracles=2), scenario=SCENARIO, store=tmp_path / "runs")
