from untrain.reports.html.mask_charts import iou


def test_an_empty_mask_beside_another_has_no_overlap_by_layers():
    row = {"iou": 0.0, "low": 0.0, "high": 0.0, "chance": 0.0, "layers": None}
    assert iou(row) == ("0.000", "", "0.000", "–")
