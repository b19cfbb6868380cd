"""Examples ready to be drawn."""

import numpy as np

from untrain.reports.shown import of_inputs


def test_inputs_that_older_runs_stored_are_images_bit_for_bit():
    inputs = np.random.default_rng(0).random((3, 1, 4, 4), dtype=np.float32)
    shown = of_inputs(inputs)
    assert [s.kind for s in shown] == ["image"] * 3
    np.testing.assert_array_equal(np.stack([s.image for s in shown]), inputs)


def test_rows_of_a_table_show_their_first_columns_and_count_the_others():
    narrow, wide = (of_inputs(np.full((1, columns), -0.123456))[0] for columns in (10, 1064))
    assert narrow.kind == wide.kind == "row"
    assert narrow.cells == tuple((f"x[{at}]", "−0.1235") for at in range(10))
    assert wide.cells == (*narrow.cells, ("…", "1,054 more"))


def test_columns_go_by_their_names_where_the_data_name_them():
    (row,) = of_inputs(np.array([[39.0, 1234.56]]), ("age", "income"))
    assert row.cells == (("age", "39"), ("income", "1235"))


def test_texts_of_a_run_become_texts():
    shown = of_inputs(np.array(["what does Ada do ?", "é"]))
    assert [(s.kind, s.text, s.image) for s in shown] == [("text", "what does Ada do ?", None), ("text", "é", None)]
