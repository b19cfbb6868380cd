"""Charts and tables of masks."""

import copy

import pytest

from untrain.reports.html import mask_charts
from untrain.reports.html.mask_charts import Overlaps


def told(iou, low, high, chance=0.1):
    return {"iou": iou, "low": low, "high": high, "chance": chance, "layers": 0.5, "reason": None}


def row(layer, kept, low=None, high=None):
    ends = {"kept": kept, "low": kept if low is None else low, "high": kept if high is None else high}
    return {"layer": layer, "weights": 1200, **ends, "of_mask": kept}


FOUND = {"1 A": [row("stem", 0.5, 0.25, 0.75), row("3", 0.0)], "2 B": [row("stem", 1.0), row("3", 0.125)]}


def test_methods_with_the_same_shares_are_drawn_once(privacy):
    rows = privacy.document["results"]
    again = privacy.document | {"results": [*rows, rows[1] | {"method": "DEL(keep=0.3)"}]}
    assert list(mask_charts.grouped(again)) == ["DEL (a), DEL (b)", "SalUn"]
    assert [t.name for t in mask_charts.share_chart(mask_charts.grouped(again)).traces] == ["DEL (a), DEL (b)", "SalUn"]


def test_without_a_mask_there_is_no_chart():
    assert mask_charts.share_chart({}) is None
    assert mask_charts.of_run({"results": []}) is None


def test_bars_are_means_and_whiskers_reach_from_the_least_to_the_greatest():
    one, other = mask_charts.share_chart(FOUND).traces
    assert (one.x, one.below, one.above) == ((50.0, 0.0), (25.0, 0.0), (25.0, 0.0))
    assert (other.x, other.below, other.above) == ((100.0, 12.5), (), ())


def test_layers_stand_in_the_order_of_the_rows_from_the_top():
    places = mask_charts.share_chart(FOUND).y
    assert places.names == ("stem", "layer 3")
    assert places.least > places.most


def test_a_long_name_is_folded_after_a_dot():
    names = mask_charts.share_chart({"1 A": [row(n, 0.5) for n in ("layer2.0.downsample.0", "layer2.0.bn1", "x" * 30)]}).y.names
    assert names == ("layer2.0.\ndownsample.0", "layer2.0.bn1", f"{'x' * 18}\n{'x' * 12}")


def test_the_table_holds_what_the_chart_shows():
    first, second = mask_charts.share_table(FOUND)
    assert (first.layer, first.weights) == ("stem", "1,200")
    assert first.cells == (
        ("50\N{NO-BREAK SPACE}%", "25\N{NO-BREAK SPACE}% to 75\N{NO-BREAK SPACE}%"),
        ("100\N{NO-BREAK SPACE}%", ""),
    )
    assert second.cells[0] == ("0\N{NO-BREAK SPACE}%", "")


def test_a_layer_that_a_mask_does_not_know_is_left_open():
    lines = mask_charts.share_table({"1 A": FOUND["1 A"], "2 B": [row("other", 0.5)]})
    assert [line.cells[1][0] for line in lines] == ["–", "–", "50\N{NO-BREAK SPACE}%"]


def test_below_the_diagonal_is_what_masks_have_in_common_and_above_it_chance():
    shown = Overlaps(
        ("1 A", "2 B", "3 C"),
        ("1", "2", "3"),
        {(1, 0): told(0.5, 0.4, 0.6), (2, 0): told(0.2, 0.2, 0.2), (2, 1): told(0.3, 0.1, 0.5, 0.25)},
    )
    (grid,) = mask_charts.overlap_chart(shown).traces
    held = {(r, c): v for c, r, v in zip(grid.x, grid.y, grid.values, strict=True)}
    assert held == {(1, 0): 0.5, (2, 0): 0.2, (2, 1): 0.3, (0, 1): 0.1, (0, 2): 0.1, (1, 2): 0.25}
    assert dict(zip(zip(grid.y, grid.x, strict=True), grid.words, strict=True))[2, 1] == "0.30"


def test_the_table_of_overlaps_names_both_reach_and_chance():
    shown = Overlaps(("1 A", "2 B"), ("1", "2"), {(1, 0): told(0.5, 0.4, 0.6)})
    assert mask_charts.overlap_table(shown) == [("1 A", "2 B", ("0.500", "0.400 to 0.600", "0.100", "0.500"))]


def test_methods_with_the_same_mask_on_every_model_are_one(privacy):
    document = copy.deepcopy(privacy.document)
    document["results"].append(document["results"][1] | {"method": "NegGrad() @ WeightedGrad()"})
    pair = document["overlap"][0]
    same = pair | {"one": "DEL()", "other": "NegGrad() @ WeightedGrad()", "iou": 1.0, "low": 1.0, "high": 1.0}
    document["overlap"] += [same, pair | {"one": "SalUn()", "other": "NegGrad() @ WeightedGrad()"}]
    shown = mask_charts.of_run(document)
    assert shown.names == ("1: DEL, NegGrad @ WeightedGrad", "2: SalUn")
    assert shown.marks == ("1", "2")
    assert shown.pairs[1, 0] == pytest.approx(pair)


def test_one_mask_alone_has_nothing_in_common(privacy):
    same = privacy.document["overlap"][0] | {"iou": 1.0, "low": 1.0, "high": 1.0}
    assert mask_charts.of_run(privacy.document | {"overlap": [same]}) is None


def test_a_run_of_an_older_untrain_has_no_overlaps_to_show(privacy):
    document = {name: value for name, value in privacy.document.items() if name != "overlap"}
    assert mask_charts.of_run(document) is None


def test_an_empty_mask_beside_another_has_no_overlap_by_layers():
    assert mask_charts.iou({**told(0.0, 0.0, 0.0, 0.0), "layers": None}) == ("0.000", "", "0.000", "–")
