"""Data that Python holds reach a table whole: ids of an index, words for labels, sparse rows that stay sparse."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from untrain.core.errors import DataError
from untrain.data.inspection import inspection
from untrain.data.readers.held_tables import held_table
from untrain.data.understood import understand


def people():
    return pd.DataFrame({"age": [30.0, 41.0, 52.0, 63.0], "label": ["well", "sick", "well", "sick"]})


def test_rows_chosen_from_a_frame_keep_the_names_that_its_index_gave_them():
    made = understand(people().iloc[1:])
    assert (made.ids.tolist(), made.roles.x) == ([1, 2, 3], ("age",))
    named = understand(people().set_index(pd.Index(["a", "b", "c", "d"], name="person")))
    assert (named.roles.id, named.ids.tolist(), named.roles.x) == ("person", ["a", "b", "c", "d"], ("age",))
    assert understand(people()).roles.id == ""  # an index that only numbers the rows says nothing
    assert understand(people().iloc[1:].assign(id=[7, 8, 9])).ids.tolist() == [7, 8, 9]


def test_words_are_labels_of_a_pair_and_sparse_rows_stay_sparse():
    x = sparse.random(6, 1_000_000, density=1e-6, format="coo", random_state=0)
    made = understand((x, pd.Series(["b", "a"] * 3)))
    assert sparse.issparse(made.inputs)
    assert made.inputs.shape == x.shape
    assert (made.classes()[0].tolist(), made.classes()[1], len(made)) == ([1, 0] * 3, ("a", "b"), 6)
    assert inspection(made)["inputs"]["shape"] == [1_000_000]
    twice = sparse.vstack([sparse.eye_array(3), sparse.eye_array(3)])
    assert inspection(understand((twice, [0, 1, 0, 0, 1, 1])))["twins"] | {"near_means": ""} == {
        "groups": 3, "rows": 6, "other_label": 2, "such_as": [[0, 3], [1, 4], [2, 5]], "near": None, "near_means": "",
    }  # fmt: skip


def test_records_columns_and_data_sets_of_the_same_rows_are_the_same_table():
    datasets, arrow = pytest.importorskip("datasets"), pytest.importorskip("pyarrow")
    frame = people().assign(id=["a", "b", "c", "d"])
    columns = {name: frame[name].tolist() for name in frame}
    same = (
        frame, frame.to_dict("records"), columns, {**frame}, arrow.table(columns), datasets.Dataset.from_dict(columns),
        datasets.DatasetDict(train=datasets.Dataset.from_dict(columns)),
    )  # fmt: skip
    for each in same:
        made = understand(each)
        assert (made.inputs.ravel().tolist(), made.labels.tolist(), made.ids.tolist()) == (
            columns["age"], columns["label"], columns["id"],
        )  # fmt: skip
    with pytest.raises(DataError, match="different numbers of rows"):
        held_table({"x": np.zeros((3, 2)), "label": [0, 1]})
    with pytest.raises(DataError, match="load it without streaming=True"):
        held_table(datasets.Dataset.from_dict(columns).to_iterable_dataset())
