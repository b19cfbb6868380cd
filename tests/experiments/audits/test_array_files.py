import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from untrain.core.errors import DataError
from untrain.experiments.audits.array_files import read_outputs

X = np.random.default_rng(0).normal(size=(2, 5, 3)).astype(np.float32)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_kind_of_file_gives_the_same_array_and_npy_stays_on_disk(here):
    np.save("x.npy", X)
    np.savez("x.npz", logits=X)
    save_file({"logits": torch.from_numpy(X)}, "x.safetensors")
    for given in ("x.npy", "x.npz", "x.safetensors", here / "x.npy", X, torch.from_numpy(X)):
        assert (read_outputs(given, "oracles") == X).all()
    assert isinstance(read_outputs("x.npy", "oracles"), np.memmap)


def test_bfloat16_is_widened(here):
    save_file({"a": torch.from_numpy(X).bfloat16()}, "x.safetensors")
    assert read_outputs("x.safetensors", "oracles").dtype == np.float32


def test_arrays_by_side_come_from_named_arrays_folders_and_a_list_of_places(here):
    parts = {"forget": X[:, :1], "retain": X[:, 1:3], "test": X[:, 3:]}
    np.savez("x.npz", forget=parts["forget"], retain=parts["retain"], val=parts["test"])
    for name, part in parts.items():
        np.save(f"{name}.npy", part)
        (here / "folder" / name / "resnet9").mkdir(parents=True)
        for at, row in enumerate(part):
            np.save(here / "folder" / name / "resnet9" / f"id_{at}_epoch_23.npy", row)
    for given in ("x.npz", "folder", "forget=forget.npy,retain=retain.npy,val=test.npy", parts):
        found = read_outputs(given, "oracles")
        assert set(found) == set(parts)
        assert all((found[name] == part).all() for name, part in parts.items())


def test_models_of_a_folder_come_in_the_order_of_their_numbers(here):
    for at in (10, 9, 2, 0):
        np.save(f"id_{at}_epoch_23.npy", np.full(3, float(at)))
    assert read_outputs(str(here), "oracles")[:, 0].tolist() == [0, 2, 9, 10]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("none.npy", "oracles: there is no file none.npy"),
        ("none.npz", "there is no file"),
        ("none.safetensors", "there is no file"),
        ("text.npy", "text.npy cannot be read as plain arrays"),
        ("empty.npy", "empty.npy cannot be read"),
        ("text.npz", "text.npz cannot be read"),
        ("zip.npy", "it is not a .npy file"),
        ("text.safetensors", "text.safetensors cannot be read"),
        ("objects.npy", "Python objects, which are never unpickled"),
        ("objects.npz", "Python objects, which are never unpickled"),
        ("x.pkl", "is none of .npy, .npz, .safetensors"),
        ("named.npz", "'a' is not a side"),
        ("bare", "holds no .npy file"),
        ("uneven", "1.npy has shape .4,. and 0.npy .3,."),
        ("forget=x.npz,oops=x.npz", "several arrays|'oops' is not a side"),
        ("oops=x.npy", "'oops' is not a side"),
        (None, "oracles are NoneType"),
        ([1, 2], "oracles are list"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_in_one_line(here, given, told):
    for name in ("text.npy", "text.npz", "text.safetensors", "x.pkl"):
        (here / name).write_text("no array\nat all")
    (here / "empty.npy").write_bytes(b"")
    np.save("objects.npy", np.array([{}], dtype=object))
    np.savez("objects.npz", a=np.array([{}], dtype=object))
    np.savez("x.npz", forget=X, test=X)
    np.savez("named.npz", a=X, b=X)
    (here / "x.npz").read_bytes()
    (here / "zip.npy").write_bytes((here / "x.npz").read_bytes())
    np.save("x.npy", X)
    (here / "bare").mkdir()
    (here / "uneven").mkdir()
    np.save("uneven/0.npy", np.zeros(3))
    np.save("uneven/1.npy", np.zeros(4))
    with pytest.raises(DataError, match=told) as caught:
        read_outputs(given, "oracles")
    assert "\n" not in str(caught.value)
