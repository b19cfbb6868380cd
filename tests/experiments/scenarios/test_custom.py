"""Data and a model of one's own."""

import datasets
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from untrain.core.errors import DataError, SpecError
from untrain.core.spec import parse
from untrain.data.augmentations.randomcrop import RandomCrop
from untrain.data.noise.flip import Flip
from untrain.data.readers.convert import examples
from untrain.data.requests.idfile import IdFile
from untrain.data.requests.resolve import request
from untrain.data.requests.where import Where
from untrain.experiments.scenarios.custom import Custom

X, Y = torch.arange(100.0).reshape(50, 2), torch.arange(50) % 3
PEOPLE = [f"p{i // 2}" for i in range(50)]


def net():
    return nn.Linear(2, 3)


def test_arrays_examples_and_torch_datasets_give_the_same():
    sources = [(X, Y), (X.numpy(), Y.numpy()), TensorDataset(X, Y), examples(X, Y)]
    loads = [Custom(train=source, test=source, model=net).load() for source in sources]
    assert all(torch.equal(load.train.x, loads[0].train.x) for load in loads)
    assert (len(loads[0].train), len(loads[0].valid), len(loads[0].test)) == (45, 5, 50)


def test_its_learner_trains_the_callable():
    own = Custom((X / 100, Y), (X / 100, Y), net)
    assert isinstance(own.learner()(own.load().train, 0), nn.Linear)


def test_rows_that_share_an_id_stay_on_one_side():
    data = Custom(examples(X, Y, ids=PEOPLE), (X, Y), net).load()
    assert not set(data.train.ids) & set(data.valid.ids)
    assert len(data.train) + len(data.valid) == 50


def test_whoever_is_named_is_in_the_training_set(tmp_path):
    kept_apart = Custom(examples(X, Y, ids=PEOPLE), (X, Y), net).load().valid.ids[0]
    (tmp_path / "a.txt").write_text(str(kept_apart))
    own = Custom(examples(X, Y, ids=PEOPLE), (X, Y), net, IdFile(path=str(tmp_path / "a.txt")))
    data = own.load()
    asked = request(data.train, own.request)
    assert set(asked.ids) == {kept_apart}
    assert len(asked.rows) == 2
    assert len(data.valid) > 0


def test_the_split_is_that_of_any_other_request_when_nobody_set_apart_is_named():
    train = examples(X, Y)
    usual = Custom(train, train, net).load()
    named = Custom(train, train, net, Where(f"id == {usual.train.ids[0]}")).load()
    assert usual.train.ids.tolist() == named.train.ids.tolist()


def test_a_label_that_only_the_test_part_has_counts_as_a_class():
    data = Custom((X, Y.clamp(max=1)), (X, Y), net).load()
    assert data.train.classes == data.test.classes == 3


def test_noise_is_planted_in_train_only():
    data = Custom((X, Y), (X, Y), net, noise=Flip(rate=0.2)).load()
    assert int((data.train.y != data.train.true).sum()) == 9
    assert data.valid.true is None


def test_its_spelling_tells_data_apart():
    one, same, other = Custom((X, Y), (X, Y), net), Custom((X, Y), (X, Y), net), Custom((X + 1, Y), (X, Y), net)
    assert repr(one) == repr(same) != repr(other)
    assert f"{net.__module__}.net" in repr(one)


def test_a_parquet_file_with_ids_runs_from_a_spelling(tmp_path):
    datasets.disable_progress_bars()
    path = tmp_path / "a.parquet"
    datasets.Dataset.from_dict({"a": X[:, 0].tolist(), "b": X[:, 1].tolist(), "kind": Y.tolist(), "who": PEOPLE}).to_parquet(path)
    datasets.enable_progress_bars()
    file = f"Parquet(path={str(path)!r}, x=('a', 'b'), label='kind', id='who')"
    own = parse(f"Custom(train={file}, test={file}, model=ConvNet)")
    assert parse(repr(own)) == own
    assert set(own.load().train.ids) < set(PEOPLE)


@pytest.mark.parametrize(
    ("train", "test", "told"),
    [
        ((X, Y), (X[:, :1], Y), r"train holds torch.float32 inputs of shape \(2,\), test torch.float32 ones of shape \(1,\)"),
        ((X, Y), (X.to(torch.uint8), Y), r"test torch.uint8 ones"),
        (examples(X, Y, ids=["a"] * 50), (X, Y), r"all 50 rows of train have the id 'a'"),
        ("gone.parquet", (X, Y), r"there is no file 'gone.parquet'"),
    ],
)
def test_parts_that_do_not_go_together_are_told(train, test, told):
    with pytest.raises(DataError, match=told):
        Custom(train, test, net).load()


def test_bad_data_are_told_when_it_is_made():
    with pytest.raises(DataError, match="y holds float32"):
        Custom((X, Y.float()), (X, Y), net)


def test_a_model_that_is_no_callable_is_refused():
    with pytest.raises(SpecError, match="Custom: model='resnet'"):
        Custom((X, Y), (X, Y), "resnet")


def test_data_beside_each_other_keep_their_ids():
    data = Custom((X, Y), (X, Y), net).load()
    assert sorted([*data.train.ids, *data.valid.ids]) == list(np.arange(50))


def test_augmentation_is_the_learners():
    own = Custom(train=(X, Y), test=(X, Y), model=net, augment=(RandomCrop(pad=2),))
    assert own.learner().augment == (RandomCrop(pad=2),)
    assert "augment=(RandomCrop(pad=2),)" in repr(own)


def test_data_in_a_file_are_read_once_for_their_spelling(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", X.numpy())
    held = examples(tmp_path / "x.npy", Y)
    first = repr(Custom(train=held, test=(X, Y), model=net))
    assert first == repr(Custom(train=(X, Y), test=(X, Y), model=net))
    own = Custom(train=held, test=(X, Y), model=net)
    assert repr(own) == first
    monkeypatch.setattr("untrain.data.on_disk.OnDisk._read", lambda *_: pytest.fail("read again"))
    assert repr(own) == first
