"""What examples are made of, and what is refused at the door."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import untrain as ut
from untrain.core.errors import DataError, MissingExtra
from untrain.data.examples import take
from untrain.data.fingerprint import print_of
from untrain.data.readers.convert import examples

X, Y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 2, 0, 1, 2])


class Listed(Dataset):
    """Items of a list, counting how often each is asked for."""

    def __init__(self, items):
        self.items, self.asked = items, 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, row):
        self.asked += 1
        return self.items[row]


class Stream(IterableDataset):
    """One pair, and no place for it."""

    def __iter__(self):
        yield 0.0, 0


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int64, bool])
def test_numbers_become_float32(kind):
    made = examples(X.astype(kind), Y)
    assert made.x.dtype == torch.float32
    assert torch.equal(made.x, torch.from_numpy(X.astype(kind).astype(np.float32)))


def test_uint8_images_stay_uint8():
    assert examples(np.zeros((6, 3, 4, 4), np.uint8), Y).x.dtype == torch.uint8


def test_rows_are_numbered_and_classes_counted_when_not_told():
    made = examples(torch.from_numpy(X), torch.from_numpy(Y))
    assert made.ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert made.classes == 3
    assert made.y.dtype == torch.int64


def test_what_is_told_is_kept():
    people = ["ann", "bob", "ann", "eve", "bob", "ann"]
    made = examples(X.tolist(), Y.astype(np.uint8), ids=people, classes=7, columns={"age": range(6)})
    assert made.ids.tolist() == people
    assert made.classes == 7
    assert made.columns["age"].tolist() == [0, 1, 2, 3, 4, 5]


def test_later_changes_of_the_array_do_not_reach_the_examples():
    x = np.zeros((6, 2), np.uint8)
    made = examples(x, Y)
    x[:] = 1
    assert int(made.x.max()) == 0


def test_a_torch_dataset_is_asked_for_each_item_once_and_for_eight_twice_before():
    source = Listed([(torch.full((2, 2), float(i)), i % 2) for i in range(50)])
    made = examples(source)
    assert source.asked == 50 + 2 * 8
    assert made.x[:, 0, 0].tolist() == list(range(50))
    assert made.y.tolist() == [0, 1] * 25


class Augmented(torch.utils.data.Dataset):
    """Inputs are mirrored, or labels drawn, at random."""

    def __init__(self, label=False):
        self.label, self.draw = label, np.random.default_rng(0)

    def __len__(self):
        return 20

    def __getitem__(self, row):
        turn = int(self.draw.integers(2))
        return (np.arange(6.0) + row if self.label or not turn else -np.arange(6.0), turn if self.label else 0)


@pytest.mark.parametrize("label", [False, True])
@pytest.mark.parametrize("on_disk", [False, True])
def test_a_dataset_that_gives_another_row_each_time_is_refused(label, on_disk, tmp_path):
    with pytest.raises(DataError, match="of Augmented is another one each time"):
        examples(Augmented(label), on_disk=tmp_path / "cache" if on_disk else None)


def test_a_pair_and_a_tensor_dataset_give_the_same():
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    assert torch.equal(examples((x, y)).x, examples(TensorDataset(x, y)).x)


def test_images_of_a_dataset_become_channels_first_uint8():
    made = examples(Listed([(Image.new("RGB", (5, 4), (i, 0, 9)), i) for i in range(2)]))
    assert made.x.dtype == torch.uint8
    assert made.x.shape == (2, 3, 4, 5)
    assert made.x[:, :, 0, 0].tolist() == [[0, 0, 9], [1, 0, 9]]


def test_examples_pass_through_and_keep_their_true_labels():
    from untrain.data.noise.flip import Flip

    noisy = Flip(rate=0.5).plant(examples(X, Y))
    assert torch.equal(examples(noisy).true, noisy.true)


BAD_X = X.copy()
BAD_X[4, 1] = np.nan


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"source": BAD_X, "y": Y, "ids": list("abcdef")}, r"NaN or infinite values in 1 of 6 rows, the first is row 4 \(id 'e'\)"),
        ({"source": np.full((6, 1), np.inf), "y": Y}, r"in 6 of 6 rows"),
        ({"source": np.full((6, 1), 1e300), "y": Y}, r"in 6 of 6 rows"),
        ({"source": X, "y": Y[:5]}, r"y has shape \(5,\) and x has 6 rows"),
        ({"source": X, "y": np.eye(6)}, r"y has shape \(6, 6\) and x has 6 rows"),
        ({"source": X, "y": Y.astype(float)}, r"y holds float64 such as 0.0: labels are whole numbers"),
        ({"source": X, "y": list("abcabc")}, r"y holds text such as 'a'"),
        ({"source": X, "y": Y, "classes": 2}, r"y holds the label 2 in row 2: labels have to be 0 to 1"),
        ({"source": X, "y": Y - 1}, r"y holds the label -1 in row 0: labels have to be 0 or larger"),
        ({"source": X, "y": Y, "ids": [1, 2]}, r"ids has shape \(2,\) and x has 6 rows"),
        ({"source": X, "y": Y, "ids": X[:, 0]}, r"ids hold float64 such as .*0.0.*: an id is a whole number or text"),
        ({"source": X, "y": Y, "ids": ["a", 1, 2, 3, 4, 5]}, r"ids mix text and numbers"),
        ({"source": X, "y": Y, "ids": [None] * 6}, r"ids hold Python objects such as None"),
        ({"source": X, "y": Y, "columns": {"age": [1]}}, r"age has shape \(1,\) and x has 6 rows"),
        ({"source": X, "y": Y, "columns": {"label": Y}}, r"a column may not be named 'label'"),
        ({"source": X[:0], "y": Y[:0]}, r"x is empty"),
        ({"source": [], "y": []}, r"x is empty"),
        ({"source": X[:, 0], "y": Y}, r"x has shape \(6,\): each of the 6 rows needs at least one number"),
        ({"source": [[1, 2], [3]], "y": [0, 1]}, r"x is ragged"),
        ({"source": np.array([["a"]] * 6), "y": Y}, r"x holds text: numbers are needed"),
        ({"source": X}, r"inputs of shape \(6, 2\) came without labels"),
        ({"source": Listed([])}, r"Listed is empty"),
        ({"source": Listed([(np.zeros((2, 2)), 0), (np.zeros((3, 2)), 1)])}, r"item 0 has \(2, 2\), item 1 has \(3, 2\)"),
        ({"source": Listed([{"x": 1}])}, r"item 0 of Listed is dict: a pair \(x, y\) is needed"),
        ({"source": Listed([(1, 2, 3)])}, r"item 0 of Listed is tuple of 3"),
        ({"source": Listed([(np.zeros(2), np.zeros(2))])}, r"item 0 of Listed has a label of shape \(2,\)"),
        ({"source": Listed([(np.zeros(2), 0.5)])}, r"y holds float64 such as 0.5"),
        ({"source": Stream()}, r"Stream can only be iterated"),
        ({"source": DataLoader(Listed([(0.0, 0)]))}, r"a DataLoader has no fixed order: give its dataset"),
        ({"source": 3}, r"cannot take examples from int"),
    ],
)  # fmt: skip
def test_bad_data_are_told_in_one_line_that_names_what_was_got(arguments, told):
    with pytest.raises(DataError, match=told) as caught:
        examples(**arguments)
    assert "\n" not in str(caught.value)


def test_without_the_library_that_reads_parquet_the_extra_is_named(monkeypatch):
    import untrain.data.readers

    monkeypatch.delitem(sys.modules, "untrain.data.readers.datasets", raising=False)
    monkeypatch.delattr(untrain.data.readers, "datasets", raising=False)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"reading Parquet needs datasets, .*pip install 'untrain\[data\]'"):
        examples("a.parquet")


def test_owners_are_one_per_row_whole_numbers_or_text():
    x, y = np.zeros((3, 1)), np.arange(3)
    assert examples(x, y).owner is None
    assert examples(x, y, owner=["ann", "bob", "ann"]).owner.tolist() == ["ann", "bob", "ann"]
    owned = examples(x, y, owner=np.array([7, 8, 7], dtype=np.int32))
    assert owned.owner.dtype == np.int64
    assert examples(owned).owner.tolist() == [7, 8, 7]
    assert examples(owned, owner=[1, 2, 3]).owner.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        (["ann", "bob"], r"owners has shape \(2,\)"),
        ([0.5, 1.5, 2.5], "an owner is a whole number or text"),
        (["ann", 1, 2], "owners mix text and numbers"),
    ],
)
def test_owners_that_cannot_be_are_refused(owner, said):
    with pytest.raises(DataError, match=said):
        examples(np.zeros((3, 1)), np.arange(3), owner=owner)


def test_a_column_may_not_take_the_owners_name():
    with pytest.raises(DataError, match="'owner'"):
        examples(np.zeros((3, 1)), np.arange(3), columns={"owner": np.arange(3)})


def test_owners_reach_the_training_data_of_a_custom_scenario_and_its_spelling():
    draw = np.random.default_rng(0)
    x, y, owner = draw.normal(size=(40, 3)), np.arange(40) % 2, np.array(["ann", "bob", "eve", "joe"] * 10)
    made = [
        ut.Custom(train=examples(x, y, owner=whose), test=(x + 1, y), model=ut.MLP(width=4), request=ut.Owner(owners=("ann",)))
        for whose in (owner, owner[::-1])
    ]
    data = made[0].load()
    assert (data.train.owner == owner[data.train.ids]).all()
    assert (data.train.owner == "ann").sum() == 10  # what the request names stays in the training set
    assert repr(made[0]) != repr(made[1])


def test_inputs_have_the_names_of_a_data_frame_or_those_that_are_given():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"age": [30, 40, 50], "bmi": [20.5, 21.5, 22.5]})
    named = examples(frame, [0, 1, 0])
    assert named.features == take(named, np.array([2, 0])).features == examples(named).features == ("age", "bmi")
    assert examples(frame, [0, 1, 0], features=("a", "b")).features == ("a", "b")
    assert examples(named, features=("a", "b")).features == ("a", "b")
    assert examples(pandas.DataFrame(frame.to_numpy()), [0, 1, 0]).features == ()  # numbers of columns are no names
    assert print_of(named) == print_of(examples(frame.to_numpy(), [0, 1, 0]))  # names change no model


@pytest.mark.parametrize(
    ("features", "said"),
    [(("a",), "1 names, and a row of inputs 2"), ("ab", "list of names"), ((1, 2), "list of names"), (2, "list of names")],
)
def test_names_of_features_that_cannot_be_are_refused(features, said):
    with pytest.raises(DataError, match=said):
        examples([[1.0, 2.0]], [0], features=features)
