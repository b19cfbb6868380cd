"""What Python holds as ids or as a mask names the rows that are meant, or is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from untrain.core.errors import DataError, RequestError
from untrain.core.metering import metered
from untrain.data.examples import Examples
from untrain.data.understood import understand
from untrain.experiments.forgetting.held_ids import in_order
from untrain.experiments.forgetting.requests import GivenRequest, draw

FRAME = pd.DataFrame({"age": [10, 20, 30, 40, 50], "height": [1.0, 2.0, 3.0, 4.0, 5.0], "label": [0, 1, 0, 1, 0]})
SHUFFLED = FRAME.iloc[[3, 1, 4, 0, 2]]
CHOSEN = SHUFFLED.assign(id=[1, 2, 3, 4, 5])
TWICE = pd.concat([FRAME.iloc[:3], FRAME.iloc[:2]])


def rows(frame, forget):
    data = understand(frame)
    train = Examples.labelled(torch.zeros(len(data), 1), torch.zeros(len(data), dtype=torch.int64), data.ids, 1)
    return np.asarray(draw(GivenRequest(in_order(forget, data)), train).forget_set.rows).tolist()


@pytest.mark.parametrize(
    "mask", [SHUFFLED.age > 25, FRAME.age > 25, (FRAME.age > 25).to_frame(), (FRAME.age > 25).astype("boolean")]
)
def test_a_mask_with_the_index_of_the_data_marks_the_same_rows_in_any_order(mask):
    assert rows(SHUFFLED, mask) == [0, 2, 4]
    assert rows(SHUFFLED.reset_index(drop=True), np.array([True, False, True, False, True])) == [0, 2, 4]
    assert rows(FRAME, mask) == [2, 3, 4]
    assert rows(CHOSEN, mask) == [0, 2, 4]  # ids are those of a column, and the index still says which row is which


@pytest.mark.parametrize("mask", [[np.False_, np.True_] + 3 * [np.False_], torch.tensor([False, True, False, False, False])])
def test_truth_values_of_other_libraries_are_a_mask(mask):
    assert rows(FRAME, mask) == [1]


@pytest.mark.parametrize(
    ("frame", "forget", "message"),
    [
        (FRAME, [0, 0, 1, 1, 1], "5 zeros and ones, one per row: of a mask give truth values"),
        (FRAME, [True, False, None, True, False], "a mask has 1 empty cells"),
        (FRAME, (FRAME.age > 25).astype("boolean").where(FRAME.age < 45), "a mask has 1 empty cells"),
        (CHOSEN, CHOSEN.index[CHOSEN.age > 35], "forget is the index of a data frame, and ids are those of 'id'"),
        (FRAME.set_index(pd.Index([10, 20, 30, 40, 60])), FRAME[["age"]].iloc[:2], "forget is the column 'age' of the data"),
        (FRAME, FRAME.label, "forget is the column 'label' of the data, and ids are the row numbers"),
        (TWICE, [False, True, False, False, False], "a mask marks one row of the id 1 and not another"),
    ],
)
def test_what_may_name_other_rows_than_are_meant_is_refused(frame, forget, message):
    with pytest.raises(RequestError, match=message):
        rows(frame, forget)


def test_ids_of_the_index_and_of_the_column_of_ids_are_taken():
    assert rows(CHOSEN, CHOSEN.id[CHOSEN.age > 35]) == [0, 2]
    assert rows(SHUFFLED, SHUFFLED.index[SHUFFLED.age > 35]) == [0, 2]
    assert rows(CHOSEN.set_index("id"), CHOSEN.set_index("id").index[:2]) == [0, 1]
    with metered() as meter:
        assert rows(TWICE, [1]) == [1, 4]
    assert "names 2 rows as it names others" in " ".join(meter.notes)


def test_an_id_with_commas_is_one_id():
    names = FRAME.set_index(pd.Index(["Doe, J", "Doe", "J", "b", "c"]))
    assert rows(names, "Doe, J") == [0]
    assert rows(names, "Doe, b") == [1, 3]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((SHUFFLED.drop(columns="label"), FRAME.label), "the same index in different orders"),
        ((FRAME, FRAME.label), "x has a column 'label', and y holds labels too"),
        (pd.DataFrame([[1.0, 2.0, 0], [3.0, 4.0, 1]], columns=[1, "1", "label"]), "two columns of the data frame are called '1'"),
        ([{1: 1.0, "1": 2.0, "label": 0}], "two columns of the records are called '1'"),
    ],
)
def test_data_of_which_a_column_would_be_lost_or_labels_would_move_are_refused(source, message):
    with pytest.raises(DataError, match=message):
        understand(source)


def test_no_column_takes_the_place_of_another():
    made = understand([{0: 1.0, 1: 2.0, "label": 0}, {0: 3.0, 1: 4.0, "label": 1}])
    assert made.inputs.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    wide = {"x": np.eye(4), "features": np.arange(4), "y": [0, 1, 0, 1], "label": [1, 0, 1, 0]}
    columns = understand(wide).table.columns
    assert (columns["x"].shape, columns["features"].tolist(), columns["label"].tolist()) == ((4, 4), [0, 1, 2, 3], [1, 0, 1, 0])


def test_arrays_of_a_file_keep_their_places_too(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.eye(4), features=np.arange(4), y=np.array([0, 1, 0, 1]))
    columns = understand(tmp_path / "d.npz").table.columns
    assert (columns["x"].shape, columns["features"].tolist(), columns["label"].tolist()) == ((4, 4), [0, 1, 2, 3], [0, 1, 0, 1])
