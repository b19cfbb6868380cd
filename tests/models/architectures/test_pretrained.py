"""Networks that begin with the weights of a file."""

import pytest
import torch
from safetensors.torch import save_file

import untrain as ut
from untrain.core.errors import ModelError
from untrain.models.architectures.mlp import MLP
from untrain.models.architectures.pretrained import Pretrained


@pytest.fixture
def net():
    torch.manual_seed(5)
    return MLP(width=4).build((3,), 2)


def made(path, **fields):
    return Pretrained(model=MLP(width=4, **fields), weights=str(path)).build((3,), 2)


def test_every_seed_and_retraining_begin_with_the_file(net, tmp_path):
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    model = Pretrained(model=MLP(width=4), weights=str(tmp_path / "w.safetensors"))
    learner = ut.Train(model=model, steps=ut.Steps(epochs=1))
    examples = ut.examples(torch.eye(3), [0, 1, 0])
    for seed in (0, 1):
        begins = learner.init(examples, seed)
        assert all(torch.equal(a, b) for a, b in zip(begins.parameters(), net.parameters(), strict=True))
    assert learner.begins_alike
    assert any(not torch.equal(a, b) for a, b in zip(learner(examples, 0).parameters(), net.parameters(), strict=True))


def test_names_of_wrapped_models_and_files_of_torch_are_read(net, tmp_path):
    torch.save({"state_dict": {f"module.{n}": t for n, t in net.state_dict().items()}, "epoch": 3}, tmp_path / "w.pt")
    assert all(torch.equal(a, b) for a, b in zip(made(tmp_path / "w.pt").parameters(), net.parameters(), strict=True))


def test_other_weights_are_refused_in_one_line(net, tmp_path):
    with pytest.raises(ModelError, match="there is no file"):
        made(tmp_path / "nothing.safetensors")
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"does not fit MLP\(width=4, depth=2\): missing ") as caught:
        made(tmp_path / "w.safetensors", depth=2)
    assert "\n" not in str(caught.value)
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ModelError, match="cannot be read as a checkpoint"):
        made(tmp_path / "text.safetensors")
