"""Files of what keepers saved."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from untrain.core.errors import DataError, ModelError
from untrain.data.examples import Examples, take
from untrain.models.tasks.classification import Classification
from untrain.training.gradient_subspace import Subspace
from untrain.training.keepers.files import load_kept, save_kept
from untrain.training.keepers.inputcovariance import InputCovariance, input_moments, moments_without
from untrain.training.problem import Problem
from untrain.training.steps import SGD, Constant, Steps
from untrain.unlearners.projectedgradient import ProjectedGradient

KEEPER, TASK = InputCovariance(), Classification(classes=2)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 9), nn.BatchNorm1d(9), nn.ReLU(), nn.Linear(9, 2)).double().eval()


@pytest.fixture
def data():
    draw = torch.Generator().manual_seed(1)
    return Examples.labelled(torch.randn(7, 8, generator=draw, dtype=torch.float64), torch.arange(7) % 2, np.arange(7), 2)


@pytest.fixture
def file(tmp_path, model, data):
    path = tmp_path / "kept.safetensors"
    save_kept(path, KEEPER, input_moments(model, data, TASK), model)
    return path


def test_what_was_written_comes_back_bit_for_bit(file, model, data):
    kept = load_kept(file, deepcopy(model))
    assert set(kept) == {"InputCovariance"}
    assert all(torch.equal(value, kept["InputCovariance"][name]) for name, value in input_moments(model, data, TASK).items())
    save_kept(file, KEEPER, {"a": torch.ones(2, dtype=torch.bfloat16)}, model)
    assert load_kept(str(file), model)["InputCovariance"]["a"].dtype == torch.bfloat16


@pytest.mark.parametrize("name", ["0.weight", "3.bias", "1.running_mean"])
def test_a_file_of_another_model_is_refused_in_one_line(file, model, name):
    with torch.no_grad():
        model.state_dict()[name][0] += 1e-12
    with pytest.raises(
        ModelError, match="was saved of another model, or of this one before its weights changed: save it"
    ) as caught:
        load_kept(file, model)
    assert "\n" not in str(caught.value)


def cut(path, model):
    path.write_bytes(path.read_bytes()[:-9])


def flipped(path, model):
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))


def renamed(path, model):
    with safe_open(path, "pt") as opened:
        facts = opened.metadata()
    save_file({f"x{name}": value for name, value in load_file(path).items()}, path, metadata=facts)


def other(path, model):
    save_file({"0": torch.eye(2)}, path)


def text(path, model):
    path.write_text("no tensors here")


def gone(path, model):
    path.unlink()


@pytest.mark.parametrize("harm", [cut, flipped, renamed, other, text, gone])
def test_a_file_that_is_damaged_or_of_another_kind_is_refused_in_one_line(file, model, harm):
    harm(file, model)
    with pytest.raises(DataError, match=r"damaged|not written by save_kept|there is no file") as caught:
        load_kept(file, model)
    assert "\n" not in str(caught.value)


def test_a_write_that_fails_leaves_the_file_and_nothing_else(file, model, monkeypatch):
    before = file.read_bytes()

    def fail(tensors, path, facts):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr("untrain.training.keepers.files.write_tensors", fail)
    with pytest.raises(OSError, match="disk full"):
        save_kept(file, KEEPER, {"a": torch.ones(1)}, model)
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_requests_one_after_another_go_on_from_the_file_that_the_last_one_left(file, model, data):
    """Data come in requests, not at once; between them lies a file, and no retain set is ever at hand."""
    steps = Steps(lr=0.1, epochs=30, optimizer=SGD(momentum=0.0), schedule=Constant(), buffers="freeze")
    made = ProjectedGradient(subspace=Subspace(share=0.9999999, count="plus_one"), steps=steps)
    retain, now = take(data, np.arange(3)), model
    for at in (3, 5):
        forget, kept = take(data, np.arange(at, at + 2)), load_kept(file, now)
        forgot = made(now, Problem(TASK, forget, kept=kept))
        save_kept(file, KEEPER, moments_without(kept["InputCovariance"], now, forget, TASK), forgot)
        with pytest.raises(ModelError, match="of another model"):
            load_kept(file, now)
        now = forgot
    with torch.no_grad():
        moved, still = ((now(part.x) - model(part.x)).abs().max() for part in (take(data, np.arange(3, 7)), retain))
    assert float(still) < 1e-12
    assert float(moved) > 0.01
