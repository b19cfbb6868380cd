"""Roles, classes and ids of data as users hold them: what is guessed, and what is refused."""

import numpy as np
import pytest

from untrain.core.errors import DataError
from untrain.data.class_names import numbered
from untrain.data.column_roles import DataChoices, roles_of
from untrain.data.tables import ColumnTable, held, typed
from untrain.data.understood import understand


def table(**columns):
    return ColumnTable("text table", "it", {name: np.asarray(column) for name, column in columns.items()})


def test_labels_follow_the_order_of_the_model_where_it_names_its_classes():
    words = np.array(["oak", "ash", "oak"])
    assert numbered(words)[0].tolist() == [1, 0, 1]
    assert numbered(words, ("oak", "elm", "ash"))[0].tolist() == [0, 2, 0]
    made = understand(ColumnTable("folder", "it", {"x": np.ones((3, 2)), "label": np.array([1, 0, 1])}, {"label": ("ash", "oak")}))
    assert made.classes()[:2][1] == ("ash", "oak")
    numbers, names, _ = made.classes(("oak", "elm", "ash"), 3)
    assert (numbers.tolist(), names) == ([0, 2, 0], ("oak", "elm", "ash"))
    with pytest.raises(DataError, match="the label 'ash' is not among the classes, elm"):  # by its name, not its number
        made.classes(("elm",))


@pytest.mark.parametrize(
    ("labels", "outputs", "numbers"),
    [
        ([0, 1, 2], 3, [0, 1, 2]),
        ([0, 0, 2], 3, [0, 0, 2]),  # a class without rows keeps its output
        ([1, 2, 3], 3, [0, 1, 2]),  # counted from 1
        ([10, 20, 10], None, [0, 1, 0]),
        ([-1, 1, 1], 2, [0, 1, 1]),
        ([0.0, 1.0, 1.0], 2, [0, 1, 1]),
        ([True, False, True], 2, [1, 0, 1]),
    ],
)
def test_numbers_that_count_outputs_stay_and_others_are_numbered(labels, outputs, numbers):
    assert numbered(np.array(labels), (), outputs)[0].tolist() == numbers


@pytest.mark.parametrize(
    ("labels", "names", "outputs", "words"),
    [
        ([0.5, 1.0], (), None, "a label is 0.5"),
        (["a", "b", "c"], (), 2, "3 classes .* and the model 2 outputs"),
        (["a", "b"], (), 3, "--class-name NAME for each output"),
        (["a", "oka"], ("a", "oak"), 2, "did you mean 'oak'"),
        (["a"], ("a", "a"), 2, "named twice"),
        ([[1], [2]], (), 2, "one word or whole number per row"),
    ],
)
def test_labels_that_fit_no_model_are_refused(labels, names, outputs, words):
    with pytest.raises(DataError, match=words):
        numbered(np.array(labels), names, outputs)


def test_cells_keep_what_they_are():
    assert typed(["007", "8"])[0].tolist() == ["007", "8"]
    assert typed(["1e3", "2"])[0].tolist() == [1000.0, 2.0]
    assert typed(["1", "", "3"])[1] == 1
    assert held("a", [1, None])[1] == 1
    assert held("a", ["x", 1])[0].tolist() == ["x", "1"]
    assert held("a", [[1, 2], [3]])[0].dtype == object
    with pytest.raises(DataError, match="column 'a' holds dict"):
        held("a", [{}, {}])


def test_inputs_are_guessed_by_kind_and_the_user_decides():
    mixed = table(id=["a", "b"], text=["some words", "more words"], size=[1, 2], label=[0, 1])
    assert roles_of(mixed, DataChoices()).kind == "text"
    assert roles_of(mixed, DataChoices(x=("size",))).x == ("size",)
    assert roles_of(table(a=[1, 2], b=["x", "y"], y=[0, 1]), DataChoices()).x == ("a",)
    assert roles_of(table(user_id=[1, 2], item_id=[3, 4], y=[0, 1]), DataChoices()).id == ""  # either may be meant
    with pytest.raises(DataError, match=r"no column 'labl'.*did you mean 'label'"):
        roles_of(mixed, DataChoices(label="labl"))


def test_empty_cells_are_refused_where_they_are_needed(tmp_path):
    (tmp_path / "a.csv").write_text("id,v,label\n,1,x\nb,2,\n")
    made = understand(tmp_path / "a.csv")
    with pytest.raises(DataError, match="1 rows have no label in 'label'"):
        made.classes()
    with pytest.raises(DataError, match="1 rows have no id in 'id'"):
        _ = made.ids
    with pytest.raises(DataError, match="holds text, and inputs are numbers"):
        _ = understand(tmp_path / "a.csv", DataChoices(x=("v", "label"))).inputs


def test_data_of_a_function_of_the_user(tmp_path, monkeypatch):
    (tmp_path / "my_own_data.py").write_text("import numpy as np\ndef rows():\n    return np.ones((4, 2)), ['a', 'b', 'a', 'b']\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = understand("my_own_data:rows")
    assert (len(made), made.classes()[1]) == (4, ("a", "b"))
    with pytest.raises(DataError, match="there is no file or folder"):
        understand("my_own_data.csv")
