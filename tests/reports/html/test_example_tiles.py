"""The least and the most forgotten."""

import numpy as np

from untrain.reports.html.charts import Answers
from untrain.reports.html.example_tiles import RECOGNISED, extremes, recognised


def answers(margins):
    table = np.asarray(margins, dtype=float)
    return Answers(table, np.ones_like(table), np.zeros(table.shape[1], dtype=int))


def test_examples_are_ordered_by_how_far_the_margin_lies_from_the_oracles(privacy):
    ours = answers([[0.0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, -9]])
    least, most = extremes(privacy.inputs, privacy.oracle, ours, answers(np.zeros((1, 12))))
    assert least[0].id == "1"
    assert most[0].id == "11"
    assert (least[0].ours, least[0].oracle) == ("9.0", "0.0")
    assert not {t.id for t in least} & {t.id for t in most}


def test_a_wrong_label_is_shown_beside_the_true_one(repair):
    least, _ = extremes(repair.inputs, repair.oracle, answers(np.zeros((1, 12))), answers(np.zeros((1, 12))))
    assert least[0].label == "1"
    assert least[0].true == "0"


def test_recognised_examples_are_found_by_their_ids(privacy):
    ours = answers([[9.0] + [0.0] * 11])
    found = [{"id": "0", "p": 0.0001, "excess": 4.71}, {"id": "99", "p": 0.01, "excess": 3.0}]
    (tile,) = recognised(found, privacy.inputs, privacy.oracle, ours, answers(np.zeros((1, 12))))
    assert (tile.id, tile.ours, tile.more) == ("0", "9.0", "4.7 s.e., p\u00a0<\u00a00.001")
    assert tile.picture.startswith("data:image/png")


def test_recognised_examples_are_listed_by_id_where_there_are_no_pictures(privacy):
    found = [{"id": str(i % 12), "p": 0.01, "excess": 3.0} for i in range(60)]
    flat = answers(np.zeros((1, 12)))
    tiles = recognised(found, None, privacy.oracle, flat, flat)
    assert len(tiles) == RECOGNISED
    assert {t.picture for t in tiles} == {""}
