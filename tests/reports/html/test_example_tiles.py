"""The least and the most forgotten."""

from dataclasses import replace

import numpy as np
import pytest

from untrain.reports.html.charts import SideOutputs
from untrain.reports.html.example_tiles import LONGEST, RECOGNISED, extremes, recognised, snippet, unseen
from untrain.reports.shown import Shown, of_inputs


def outputs(margins):
    table = np.asarray(margins, dtype=float)
    return SideOutputs(table, np.ones_like(table), np.zeros(table.shape[1], dtype=int))


FLAT = outputs(np.zeros((1, 12)))


def test_examples_are_ordered_by_how_far_the_margin_lies_from_the_oracles(privacy):
    ours = outputs([[0.0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, -9]])
    least, most = extremes(privacy, ours, FLAT)
    assert least[0].id == "1"
    assert most[0].id == "11"
    assert (least[0].ours, least[0].oracle) == ("9.0", "0.0")
    assert not {t.id for t in least} & {t.id for t in most}


def test_a_wrong_label_is_shown_beside_the_true_one(repair):
    least, _ = extremes(repair, FLAT, FLAT)
    assert least[0].label == "1"
    assert least[0].true == "0"


def test_labels_are_shown_by_name_where_the_data_name_their_classes(repair):
    least, _ = extremes(replace(repair, classes=("cat", "dog", "hen", "owl")), FLAT, FLAT)
    assert (least[0].label, least[0].true) == ("dog", "cat")


def test_the_label_of_a_regression_is_a_number_of_four_digits(privacy):
    quantities = np.linspace(-1234.56, 2, 48)
    oracle = replace(privacy.oracle, labels=quantities, true=quantities)
    least, _ = extremes(replace(privacy, oracle=oracle), outputs(-np.arange(12.0)[None]), FLAT)
    assert (least[0].label, least[0].true) == ("−1235", "")


def test_recognised_examples_are_found_by_their_ids(privacy):
    ours = outputs([[9.0] + [0.0] * 11])
    listed = [{"id": "0", "p": 0.0001, "excess": 4.71}, {"id": "99", "p": 0.01, "excess": 3.0}]
    (tile,) = recognised(listed, privacy, ours, FLAT)
    assert (tile.id, tile.ours, tile.more) == ("0", "9.0", "4.7 s.e., p\u00a0<\u00a00.001")
    assert tile.picture.startswith("data:image/png")


def test_recognised_examples_are_listed_by_id_where_there_are_no_pictures(privacy):
    listed = [{"id": str(i % 12), "p": 0.01, "excess": 3.0} for i in range(60)]
    tiles = recognised(listed, replace(privacy, shown=None), FLAT, FLAT)
    assert len(tiles) == RECOGNISED
    assert {t.picture for t in tiles} == {""}


def test_images_are_scaled_by_the_range_of_all_of_them(privacy):
    dark, bright = np.zeros((1, 8, 8)), np.full((1, 8, 8), 4.0)
    apart, _ = extremes(replace(privacy, shown=[Shown("image", dark)] * 6 + [Shown("image", bright)] * 6), FLAT, FLAT)
    alone, _ = extremes(replace(privacy, shown=[Shown("image", dark)] * 12), FLAT, FLAT)
    assert apart[0].picture == alone[0].picture  # black is black, whatever else is there
    white, _ = extremes(replace(privacy, shown=of_inputs(np.ones((12, 1, 8, 8)))), FLAT, FLAT)
    _, most = extremes(replace(privacy, shown=[Shown("image", dark)] * 6 + [Shown("image", bright)] * 6), FLAT, FLAT)
    assert most[0].picture == white[0].picture


def test_a_text_is_quoted_and_a_row_of_a_table_has_its_columns(privacy):
    shown = [Shown("text", text="Who wrote it?\n  Nobody."), Shown("row", cells=(("age", "39"), ("job", "clerk")))] * 6
    least, _ = extremes(replace(privacy, shown=shown), FLAT, FLAT)
    assert (least[0].quote, least[0].cells, least[0].picture) == ("Who wrote it? Nobody.", (), "")
    assert (least[1].quote, least[1].cells) == ("", (("age", "39"), ("job", "clerk")))


def test_inputs_that_are_not_images_say_so_and_texts_do_not(privacy):
    assert "of shape (5, 2)" in unseen(replace(privacy, shown=of_inputs(np.zeros((12, 5, 2)))))
    assert unseen(replace(privacy, shown=of_inputs(np.zeros((12, 5))))) == ""
    assert unseen(replace(privacy, shown=[Shown("text", text="x")] * 12)) == ""


@pytest.mark.parametrize("text", ["word " * 100, "x" * 1000, "\u0e2d\u0e31\u0e01\u0e29\u0e23" * 200])
def test_a_long_text_is_cut_and_says_that_it_goes_on(text):
    short = snippet(text)
    assert LONGEST // 2 < len(short) <= LONGEST + 1
    assert short.endswith("…")
    assert text.startswith(short[:-1])


def test_a_short_text_is_whole_and_what_no_page_can_hold_is_replaced():
    assert snippet("a\tb\n\nc") == "a b c"
    assert snippet("a\x00b\ud800c") == "a\N{REPLACEMENT CHARACTER}b?c"
    assert snippet("x" * LONGEST) == "x" * LONGEST
