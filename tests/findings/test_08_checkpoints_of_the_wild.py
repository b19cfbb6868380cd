"""Checkpoints that torch or safetensors load, or whose weights are the model's under a wrapper's name, are audited."""

import argparse
import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import untrain as ut
from untrain.core.errors import DataError
from untrain.training.toy import small

DRAW = np.random.default_rng(0)
STEPS = ut.Steps(lr=0.1, epochs=1, batch=32)


def some(n):
    y = DRAW.integers(4, size=n)
    return DRAW.normal(size=(n, 4)).astype("float32") + 2 * np.eye(4)[y].astype("float32"), y


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
        return document["results"][0]["scores"], [
            each for each in document["warnings"] if "weights are read" in each or "lack" in each
        ]

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


@pytest.mark.parametrize("name", WILD)
def test_checkpoints_of_the_wild_get_the_scores_of_the_plain_one(audit, state, name):
    plain, _ = audit(dict(state), "plain.pt")
    found, told = audit(WILD[name](dict(state)))
    assert found == plain
    assert bool(told) == (name not in ("before torch 0.4.1", "deep"))


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
