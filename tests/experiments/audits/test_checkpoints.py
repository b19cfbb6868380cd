import argparse
import io
import json
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn
from torch.optim.swa_utils import AveragedModel

from untrain import parse
from untrain.core.errors import DataError, ModelError
from untrain.core.metering import metered
from untrain.experiments.audits.checkpoints import loaded, read_state
from untrain.experiments.scene import open_scene
from untrain.experiments.setting import Setting


@pytest.fixture(scope="module")
def scene():
    return open_scene(parse("Digits(model=ConvNet(width=2), steps=Steps(epochs=1))"), Setting())


@pytest.fixture
def state(scene):
    return {n: t.clone() for n, t in scene.learner.init(scene.data.train, 3).state_dict().items()}


@pytest.fixture
def model(scene, state):
    model = scene.learner.init(scene.data.train, 0)
    model.load_state_dict(state)
    return model


@pytest.fixture
def same(scene, state):
    """Checks that a checkpoint is read as the weights that it was made of, without or with notes."""

    def check(given, *notes):
        with metered() as meter:
            found = read_state(given, scene, "it")
        assert found.keys() == state.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
        assert [*meter.notes] == [*notes]

    return check


def prefixed(state, prefix):
    return {prefix + n: t for n, t in state.items()}


def test_every_way_to_hold_weights_gives_the_same(state, scene, same, model, tmp_path):
    torch.save(state, tmp_path / "a.pt")
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "b.pth")
    save_file({n: t.contiguous() for n, t in state.items()}, tmp_path / "d.safetensors")
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    torch.save(state, tmp_path / "misnamed.safetensors")
    save_file(state, tmp_path / "misnamed.bin")
    for name in ("a.pt", "b.pth", "d.safetensors", "old.pt", "misnamed.safetensors", "misnamed.bin"):
        same(tmp_path / name)
    same(str(tmp_path / "a.pt"))
    same(state)
    same(model)
    assert all(torch.equal(p, state[n]) for n, p in loaded(read_state(model, scene, "it"), scene).state_dict().items())


WRAPPERS = ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model.", "net.module._orig_mod.", "a.b.c.d."]


@pytest.mark.parametrize("prefix", WRAPPERS)
def test_what_all_names_share_is_taken_off_and_told(state, same, prefix, tmp_path):
    note = f"it: weights are read without {prefix} in their names"
    same(prefixed(state, prefix), note)
    torch.save({"epoch": 3, "state_dict": prefixed(state, prefix)}, tmp_path / "m.ckpt")
    same(tmp_path / "m.ckpt", note)
    torch.save({"a": [{"deep": {"in": prefixed(state, prefix)}}]}, tmp_path / "n.ckpt")
    same(tmp_path / "n.ckpt", note)


def test_names_of_wrapped_parts_lose_the_wrapper(state, same):
    parts = {(n.replace(".", "._orig_mod.", 1) if n.startswith("0") else n): t for n, t in state.items()}
    same(parts, "it: weights are read without names of wrappers in their names")
    same(prefixed(parts, "model."), "it: weights are read without names of wrappers and model. in their names")


def compiled(module):
    return torch.compile(module, backend="eager")


def test_wrapped_modules_are_taken_for_the_module_inside(model, same):
    for wrapped in (
        compiled(model), nn.DataParallel(model), nn.DataParallel(compiled(model)), compiled(nn.DataParallel(model)),
        AveragedModel(model),
    ):  # fmt: skip
        same(wrapped)


def test_a_prefix_that_not_all_names_share_is_no_prefix(state, scene):
    names = list(state)
    with pytest.raises(ModelError, match="does not fit"):
        read_state({("module." if n != names[0] else "") + n: t for n, t in state.items()} | {"x": torch.zeros(1)}, scene, "m")
    with pytest.raises(ModelError, match="unexpected n_averaged"):
        read_state(state | {"n_averaged": torch.zeros(1)}, scene, "m")


def test_weights_of_before_batches_were_counted_are_read_as_torch_reads_them(state, scene):
    old = {n: t for n, t in state.items() if not n.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    found = read_state(old, scene, "m")
    assert all(torch.equal(found[n], t) for n, t in old.items())
    read_state(OrderedDict(prefixed(old, "module.")), scene, "m")


def test_of_two_state_dicts_that_fit_one_is_to_be_named(state, scene, same, tmp_path):
    other = {n: t + 1 for n, t in state.items()}
    torch.save(
        {"model": state, "ema": {"shadow": prefixed(other, "module.")}, "optimizer": {"state": {0: other}}}, tmp_path / "m.pt"
    )
    path = tmp_path / "m.pt"
    with pytest.raises(
        DataError, match=r"several state dicts that fit, 'model' and 'ema.shadow' and 'optimizer.state.0'.*FILE#model"
    ):
        read_state(path, scene, "m")
    same(f"{path}#model")
    assert torch.equal(read_state(f"{path}#ema.shadow", scene, "m")["0.weight"], other["0.weight"])
    with pytest.raises(DataError, match=r"no state dict under 'emma'; there is one under model, ema.shadow"):
        read_state(f"{path}#emma", scene, "m")
    with pytest.raises(DataError, match="several"):
        read_state({"model": state, "net": state}, scene, "m")


def test_the_state_of_an_optimizer_is_no_second_model(model, state, same, tmp_path):
    step = torch.optim.Adam(model.parameters())
    sum(p.sum() for p in model.parameters()).backward()
    held = step.state_dict()
    torch.save({"model": state, "optimizer": held}, tmp_path / "m.pt")
    same(tmp_path / "m.pt")
    step.step()
    torch.save({"model": state, "optimizer": step.state_dict(), "rng": torch.get_rng_state()}, tmp_path / "m.pt")
    same(tmp_path / "m.pt")


def test_what_stands_among_the_weights_is_counted(state, same, tmp_path):
    torch.save(state | {"epoch": 3, "name": "mine"}, tmp_path / "m.pt")
    same(tmp_path / "m.pt", "it: beside the weights it holds epoch, name, which are not read")


def test_a_model_is_loaded_in_eval_mode(state, scene):
    assert not loaded(state, scene).training


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("code was run",))


def test_a_pickle_is_never_unpickled(scene, tmp_path):
    torch.save({"state_dict": Evil()}, tmp_path / "evil.pt")
    torch.save({"state_dict": Evil()}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil(), protocol=2))
    (tmp_path / "newer.pkl").write_bytes(pickle.dumps(Evil(), protocol=4))  # torch would warn of it, on a line of its own
    torch.save(nn.Linear(2, 2), tmp_path / "whole.pt")
    for name in ("evil.pt", "old.pt", "evil.pkl", "newer.pkl", "whole.pt"):
        with pytest.raises(DataError, match=r"never unpickled|cannot be read") as caught:
            read_state(tmp_path / name, scene, name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("beside", "named"),
    [(np.float64(91.2), r"numpy\.[\w.]*scalar"), (argparse.Namespace(lr=0.1), "argparse.Namespace"), (nn.Linear(2, 2), "torch.nn")],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_would_not_make_is_named_with_the_cure(state, scene, tmp_path, beside, named, zipped):
    torch.save({"state_dict": state, "best": beside}, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=rf"more than tensors: .*{named}.*torch.save\(model.state_dict\(\)"):
        read_state(tmp_path / "m.pt", scene, "m.pt")


@pytest.mark.parametrize(
    "content", [b"", b"nothing of the kind", b"PK\x03\x04 cut short", b"\x08\0\0\0\0\0\0\0{}", b"PK\x05\x06" + bytes(18)]
)
@pytest.mark.parametrize("name", ["m.pt", "m.safetensors"])
def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(scene, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=r"m\.") as caught:
        read_state(tmp_path / name, scene, name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["m.pt", "old.pt", "m.safetensors"])
def test_a_damaged_checkpoint_is_refused_in_one_line_or_read(state, scene, tmp_path, name):
    if name == "m.safetensors":
        save_file(state, tmp_path / name)
    else:
        torch.save(state, tmp_path / name, _use_new_zipfile_serialization=name == "m.pt")
    whole, draw = (tmp_path / name).read_bytes(), np.random.default_rng(0)
    for at in range(60):
        damaged = bytearray(whole)
        for place in draw.integers(len(whole) if at % 2 else 600, size=3):
            damaged[place] = draw.integers(256)
        (tmp_path / name).write_bytes(damaged[: len(whole) if at % 3 else draw.integers(len(whole))])
        told = ""
        try:
            read_state(tmp_path / name, scene, name)
        except (DataError, ModelError) as error:
            told = str(error)
        assert "\n" not in told


def test_an_archive_that_unpacks_to_gigabytes_is_refused_unread(scene, tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("m/data/0", "w", force_zip64=True) as member,
    ):
        for _ in range(300):
            member.write(bytes(2**20))
    assert (tmp_path / "m.pt").stat().st_size < 400_000
    with pytest.raises(DataError, match=r"m.pt cannot be read as a checkpoint: it unpacks from .* bytes to 314,572,800"):
        read_state(tmp_path / "m.pt", scene, "m.pt")
    torch.save({"w": torch.zeros(1).expand(10**12)}, tmp_path / "wide.pt")
    with pytest.raises(DataError, match="w cannot be read: it unpacks from 4 bytes to 4,000,000,000,000"):
        read_state(tmp_path / "wide.pt", scene, "wide.pt")


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (lambda t: t.to("meta"), "no values: it lies on the device 'meta'"),
        (lambda t: t.to_sparse(), "the layout torch.sparse_coo: make it dense"),
        (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "quantised values"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*")
def test_tensors_that_are_no_numbers_in_rows_are_refused_by_name(state, scene, tmp_path, odd, told):
    torch.save(state | {"0.weight": odd(state["0.weight"])}, tmp_path / "m.pt")
    with pytest.raises(DataError, match=f"m.pt: 0.weight has {told}"):
        read_state(tmp_path / "m.pt", scene, "m.pt")


def test_other_number_formats_are_read_and_rounding_is_told(state, scene):
    with metered() as meter:
        assert (
            read_state({n: t.double() if t.is_floating_point() else t for n, t in state.items()}, scene, "m")["0.weight"].dtype
            == torch.float32
        )
        read_state({n: t.half() if t.is_floating_point() else t for n, t in state.items()}, scene, "m")
    assert [*meter.notes] == ["m: weights in float64 are rounded to the model's float32"]
    with pytest.raises(ModelError, match="holds complex64 and the model's float32"):
        read_state(state | {"0.weight": state["0.weight"].to(torch.complex64)}, scene, "m")


def test_what_is_no_state_dict_is_told(scene, tmp_path):
    torch.save({"epoch": 3, "loss": 0.5}, tmp_path / "m.pt")
    with pytest.raises(DataError, match="'epoch', a int, and no state dict"):
        read_state(tmp_path / "m.pt", scene, "m.pt")
    torch.save(torch.zeros(3), tmp_path / "t.pt")
    with pytest.raises(DataError, match="holds Tensor"):
        read_state(tmp_path / "t.pt", scene, "t.pt")
    torch.save({}, tmp_path / "e.pt")
    with pytest.raises(DataError, match="holds an empty dict"):
        read_state(tmp_path / "e.pt", scene, "e.pt")
    with pytest.raises(DataError, match="there is no file"):
        read_state(tmp_path / "none.pt", scene, "none.pt")
    with pytest.raises(DataError, match="of type int"):
        read_state(3, scene, "m")
    itself = {}
    itself["again"] = itself
    with pytest.raises(DataError, match="'again', a dict, and no state dict"):
        read_state(itself, scene, "m")


def test_weights_of_another_model_are_told_by_what_is_missing_unexpected_and_of_other_shape(state, scene):
    names = list(state)
    with pytest.raises(ModelError, match=f"m does not fit the model of Digits: missing {names[0]}; unexpected fc.weight"):
        read_state({n: t for n, t in state.items() if n != names[0]} | {"fc.weight": torch.zeros(2)}, scene, "m")
    shape = tuple(state[names[0]].shape)
    with pytest.raises(ModelError) as caught:
        read_state(prefixed(state | {names[0]: torch.zeros(1, 2)}, "module."), scene, "m")
    assert str(caught.value).endswith(f"{names[0]} has shape (1, 2) and the model's {shape}")
    with pytest.raises(ModelError, match=r"missing .* and .* more"):
        read_state({"x": torch.zeros(1)}, scene, "m")


def test_weights_that_are_no_numbers_are_refused(state, scene):
    name = next(iter(state))
    with pytest.raises(ModelError, match=f"NaN or infinite weights in {name}"):
        read_state(state | {name: state[name] * float("nan")}, scene, "m")


def test_a_number_may_come_as_an_array_of_one(state, scene):
    flat = {n: t.reshape(1) if t.ndim == 0 else t for n, t in state.items()}
    assert any(t.ndim == 0 for t in state.values())
    read_state(flat, scene, "m")


class Tied(nn.Module):
    """Two layers, one parameter."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=False), nn.Linear(10, 10, bias=False))
        self.head = nn.Linear(10, 10, bias=False)
        self.head.weight = self.body[2].weight

    def forward(self, x):
        return self.head(self.body(x))


def test_tied_weights_may_be_there_once_as_safetensors_writes_them(scene, tmp_path):
    from dataclasses import replace

    tied, net = replace(scene, learner=replace(scene.learner, model=Tied)), Tied()
    save_model(net, str(tmp_path / "m.safetensors"))
    found = read_state(tmp_path / "m.safetensors", tied, "m")
    assert torch.equal(found["head.weight"], net.head.weight)
    assert torch.equal(found["body.2.weight"], net.head.weight)
    with pytest.raises(ModelError, match=r"body.2.weight and head.weight differ, and are one in the model"):
        read_state(net.state_dict() | {"head.weight": torch.zeros(10, 10)}, tied, "m")


def test_a_folder_holds_one_model_in_one_file_or_in_several(state, scene, same, tmp_path):
    for name in ("one", "shards", "pickles"):
        (tmp_path / name).mkdir()
    names = list(state)
    save_file(state, tmp_path / "one" / "model.safetensors")
    torch.save({"step": 3}, tmp_path / "one" / "optimizer.pt")
    same(tmp_path / "one")
    halves = {"a.safetensors": names[:3], "b.safetensors": names[3:]}
    for file, part in halves.items():
        save_file({n: state[n] for n in part}, tmp_path / "shards" / file)
    weight_map = {n: file for file, part in halves.items() for n in part}
    index = tmp_path / "shards" / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    same(tmp_path / "shards")
    same(index)
    index.write_text(json.dumps({"weight_map": weight_map | {"x": "../one/model.safetensors"}}))
    with pytest.raises(DataError, match="is not a file of its folder"):
        read_state(tmp_path / "shards", scene, "m")
    for file in ("a.pt", "b.pt"):
        torch.save(state, tmp_path / "pickles" / file)
    with pytest.raises(DataError, match=r"there is a.pt, b.pt: name a file"):
        read_state(tmp_path / "pickles", scene, "m")
    (tmp_path / "pickles" / "b.pt").unlink()
    same(tmp_path / "pickles")
    (tmp_path / "one" / "adapter_config.json").write_text("{}")
    with pytest.raises(DataError, match="adapter"):
        read_state(tmp_path / "one", scene, "m")


def test_an_array_in_memory_is_no_checkpoint(scene):
    for given in (np.zeros(3), io.BytesIO(), None, [1, 2]):
        with pytest.raises(DataError, match="of type"):
            read_state(given, scene, "m")
