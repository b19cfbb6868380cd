import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from untrain import parse
from untrain.core.errors import DataError, ModelError
from untrain.experiments.audits.checkpoints import loaded, read_state
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting


@pytest.fixture(scope="module")
def scene():
    return open_scene(parse("Digits(model=ConvNet(width=2), steps=Steps(epochs=1))"), Setting())


@pytest.fixture
def state(scene):
    return {n: t.clone() for n, t in scene.learner.init(scene.data.train, 3).state_dict().items()}


def test_every_way_to_hold_weights_gives_the_same(state, scene, tmp_path):
    torch.save(state, tmp_path / "a.pt")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "b.pth")
    torch.save({f"module.{n}": t for n, t in state.items()}, tmp_path / "c.pt")
    save_file({n: t.contiguous() for n, t in state.items()}, tmp_path / "d.safetensors")
    model = scene.learner.init(scene.data.train, 0)
    model.load_state_dict(state)
    for given in (*(tmp_path / name for name in ("a.pt", "b.pth", "c.pt", "d.safetensors")), state, model):
        found = read_state(given, "it")
        assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
        assert all(torch.equal(p, state[n]) for n, p in loaded(found, scene, "it").state_dict().items())


def test_a_model_is_loaded_in_eval_mode(state, scene):
    assert not loaded(state, scene, "it").training


def test_a_pickle_is_never_unpickled(tmp_path):
    class Evil:
        def __reduce__(self):
            return (pytest.fail, ("code was run",))

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil(), protocol=2))
    (tmp_path / "newer.pkl").write_bytes(pickle.dumps(Evil(), protocol=4))  # torch would warn of it, on a line of its own
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    for name in ("evil.pt", "evil.pkl", "newer.pkl", "whole.pt"):
        with pytest.raises(DataError, match=r"never unpickled|cannot be read") as caught:
            read_state(tmp_path / name, name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"PK\x03\x04 cut short"])
@pytest.mark.parametrize("name", ["m.pt", "m.safetensors"])
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"m\.") as caught:
        read_state(tmp_path / name, name)
    assert "\n" not in str(caught.value)


def test_what_is_no_state_dict_is_told(tmp_path):
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "m.pt")
    with pytest.raises(DataError, match="'epoch', a int, and no state dict"):
        read_state(tmp_path / "m.pt", "m.pt")
    torch.save(torch.zeros(3), tmp_path / "t.pt")
    with pytest.raises(DataError, match="holds Tensor"):
        read_state(tmp_path / "t.pt", "t.pt")
    with pytest.raises(DataError, match="there is no file"):
        read_state(tmp_path / "none.pt", "none.pt")


def test_weights_of_another_model_are_told_by_what_is_missing_unexpected_and_of_other_shape(state, scene):
    names = list(state)
    with pytest.raises(ModelError, match=f"m does not fit the model of Digits: missing {names[0]}; unexpected fc.weight"):
        loaded({n: t for n, t in state.items() if n != names[0]} | {"fc.weight": torch.zeros(2)}, scene, "m")
    shape = tuple(state[names[0]].shape)
    with pytest.raises(ModelError) as caught:
        loaded(state | {names[0]: torch.zeros(1, 2)}, scene, "m")
    assert str(caught.value).endswith(f"{names[0]} has shape (1, 2) and the model's {shape}")
    with pytest.raises(ModelError, match=r"missing .* and .* more"):
        loaded({"x": torch.zeros(1)}, scene, "m")


def test_weights_that_are_no_numbers_are_refused(state, scene):
    name = next(iter(state))
    with pytest.raises(ModelError, match=f"NaN or infinite weights in {name}"):
        loaded(state | {name: state[name] * float("nan")}, scene, "m")


def test_a_number_may_come_as_an_array_of_one(state, scene):
    flat = {n: t.reshape(1) if t.ndim == 0 else t for n, t in state.items()}
    assert any(t.ndim == 0 for t in state.values())
    loaded(flat, scene, "m")
